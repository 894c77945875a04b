/** ftp-srv: implicit FTPS for everybody, in a folder that the test names. */
import { FtpSrv } from 'ftp-srv'
import { identity, say, wanted } from './program.ts'

export interface FtpServerWanted {
  readonly port: number
  /** From here on it looks for ports for data connections. */
  readonly dataPort: number
  readonly root: string
}

const { port, dataPort, root } = wanted<FtpServerWanted>()
const server = new FtpSrv({
  url: `ftps://127.0.0.1:${port}`,
  ...{ pasv_url: '127.0.0.1', pasv_min: dataPort, pasv_max: dataPort + 1000, anonymous: true },
  tls: identity,
})
server.on('login', (_data, accept) => accept({ root }))
await server.listen()
say('listening', { port })
