/** Debian's Dovecot: one user's mail by IMAP and POP3, in the clear, with STARTTLS and with TLS from the first byte on. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../support/free-ports.ts'
import { type PeerProcess, startPeer, temporaryDirectory } from '../support/peers.ts'

export interface Dovecot {
  readonly process: PeerProcess
  /** Of 127.0.0.1; `imap` and `pop3` can be upgraded. */
  readonly ports: {
    readonly imap: number
    readonly imaps: number
    readonly pop3: number
    readonly pop3s: number
  }
}

/** Anybody may log in with it; each name has its own mail. */
export const password = 'secret'

/** Debian's nobody: Dovecot does not run the sessions of its users as root. */
const nobody = 65_534
const deadlineMs = 120_000

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

/** Starts one that speaks TLS 1.2 with the fixtures' certificate; it ends with the test. */
export async function startDovecot(): Promise<Dovecot> {
  const [imap, imaps, pop3, pop3s] = (await freePorts(4)) as [number, number, number, number]
  const ports = { imap, imaps, pop3, pop3s }
  const file = join(directoryForAll(), 'dovecot.conf')
  writeFileSync(file, configuration(join(file, '..'), ports))
  const process = startPeer('dovecot', ['-F', '-c', file], { deadlineMs, hasWorkers: true })
  await process.said(/starting up for imap, pop3/)
  return { process, ports }
}

/** Its processes have users of their own, which have to reach what is in it. */
function directoryForAll(): string {
  const directory = temporaryDirectory()
  chmodSync(directory, 0o755)
  const mail = join(directory, 'mail')
  mkdirSync(mail)
  if (userInfo().uid === 0) chownSync(mail, nobody, nobody)
  return directory
}

function configuration(directory: string, ports: Dovecot['ports']): string {
  const { uid, gid, username } = userInfo()
  const owner = uid === 0 ? { uid: nobody, gid: nobody } : { uid, gid }
  // Who is not root cannot change users, nor lock a process in.
  const users = uid === 0 ? '' : `default_internal_user = ${username}\ndefault_login_user = ${username}\n`
  const chroot = uid === 0 ? '' : 'chroot ='
  const login = (service: string, plain: number, secure: number) => `
service ${service}-login {
  ${chroot}
  # One process for all: tickets are sealed under a key that it draws at its start.
  service_count = 0
  process_limit = 1
  inet_listener ${service} {
    port = ${plain}
  }
  inet_listener ${service}s {
    port = ${secure}
    ssl = yes
  }
}`
  return `${users}base_dir = ${directory}/run
state_dir = ${directory}/run
log_path = /dev/stderr
protocols = imap pop3
listen = 127.0.0.1
mail_location = maildir:${directory}/mail/%u
first_valid_uid = 1
first_valid_gid = 1
disable_plaintext_auth = no
ssl = yes
ssl_cert = <${fixture('server.pem')}
ssl_key = <${fixture('server.key')}
ssl_min_protocol = TLSv1.2
ssl_cipher_list = HIGH
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=${owner.uid} gid=${owner.gid} home=${directory}/mail/%u
}
service anvil {
  ${chroot}
}
${login('imap', ports.imap, ports.imaps)}
${login('pop3', ports.pop3, ports.pop3s)}
`
}
