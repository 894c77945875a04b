import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PeerProcess } from '../support/peers.ts'

/** An authority of one's own, a server's certificate by it, and what it says of that by OCSP. */
export class StapleFiles {
  readonly #directory = mkdtempSync(join(tmpdir(), 'ringtls-staple-'))

  path(name: string): string {
    return join(this.#directory, name)
  }

  contents() {
    const [cert, key] = [readFileSync(this.path('leaf.pem')), readFileSync(this.path('leaf.key'))]
    return { cert, key, response: readFileSync(this.path('response.der')) }
  }

  async make(): Promise<void> {
    const [ca, caKey, leaf] = ['ca.pem', 'ca.key', 'leaf.pem'].map(name => this.path(name)) as [
      string,
      string,
      string,
    ]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
    await this.#run(['req', '-x509', ...key, '-subj', '/CN=staple CA', '-keyout', caKey, '-out', ca])
    const names = ['-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE']
    const by = ['-CA', ca, '-CAkey', caKey, '-set_serial', '1', '-keyout', this.path('leaf.key')]
    await this.#run(['req', '-x509', ...key, '-subj', '/CN=localhost', ...names, ...by, '-out', leaf])
    writeFileSync(this.path('index'), 'V\t491231235959Z\t\t01\tunknown\t/CN=localhost\n')
    const signer = ['-index', this.path('index'), '-CA', ca, '-rsigner', ca, '-rkey', caKey, '-ndays', '7']
    const about = ['-issuer', ca, '-cert', leaf, '-respout', this.path('response.der')]
    await this.#run(['ocsp', ...signer, ...about])
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #run(args: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await new PeerProcess('openssl', args).ended()
    if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`)
  }
}
