/** Debian's vsftpd: explicit FTPS for everybody, whose data connections have to resume the control connection's session. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/free-ports.ts'
import { startPeer, temporaryDirectory } from '../support/peers.ts'
import { untilListening } from './until-listening.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const deadlineMs = 120_000

/** Starts one with the fixtures' certificate, whose folder `up` takes files; returns its port of 127.0.0.1. */
export async function startVsftpd(): Promise<number> {
  const directory = temporaryDirectory()
  const [root, empty] = [join(directory, 'root'), join(directory, 'empty')]
  mkdirSync(join(root, 'up'), { recursive: true })
  mkdirSync(empty)
  // Its sessions have a user of their own, unless it was started by one that is not root.
  chmodSync(directory, 0o755)
  chmodSync(join(root, 'up'), 0o777)
  const port = await freePort()
  const file = join(directory, 'vsftpd.conf')
  const isRoot = userInfo().uid === 0
  const settings = {
    ...{ listen: 'YES', listen_address: '127.0.0.1', listen_port: port, background: 'NO' },
    ...{ anonymous_enable: 'YES', no_anon_password: 'YES', anon_root: root, local_enable: 'NO' },
    ...{ write_enable: 'YES', anon_upload_enable: 'YES', anon_other_write_enable: 'YES', anon_umask: '022' },
    ...{ run_as_launching_user: isRoot ? 'NO' : 'YES', secure_chroot_dir: empty, seccomp_sandbox: 'NO' },
    ...{ ssl_enable: 'YES', allow_anon_ssl: 'YES', force_anon_logins_ssl: 'YES', force_anon_data_ssl: 'YES' },
    ...{ require_ssl_reuse: 'YES', ssl_ciphers: 'HIGH', pasv_address: '127.0.0.1' },
    ...{ rsa_cert_file: fixture('server.pem'), rsa_private_key_file: fixture('server.key') },
  }
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  startPeer('vsftpd', [file], { deadlineMs, hasWorkers: true })
  await untilListening(port)
  return port
}
