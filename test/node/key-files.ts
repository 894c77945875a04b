/** Files of keys in all forms that openssl writes, made of the fixtures. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const passphrase = 'correct horse, battery staple'

const fixturePath = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

/** How openssl writes a key of the fixtures, by the name of the form; `KEY` is its file. */
export const keyForms: Readonly<Record<string, string>> = {
  'PKCS #8': 'pkey -in KEY',
  'PKCS #1': 'rsa -in KEY -traditional',
  'SEC 1': 'ec -in KEY',
  'PKCS #8, PBKDF2': 'pkcs8 -topk8 -in KEY -v2 aes256 -v2prf hmacWithSHA256',
  'PKCS #8, scrypt': 'pkcs8 -topk8 -in KEY -scrypt -scrypt_N 1024',
  'PKCS #1, Proc-Type': 'rsa -in KEY -traditional -aes128',
  'SEC 1, Proc-Type': 'ec -in KEY -aes256',
}

/** A key of the fixtures in one of the forms. */
export function keyFile(name: string, form: string): Buffer {
  const words = keyForms[form]!.split(' ').map(word => (word === 'KEY' ? fixturePath(`${name}.key`) : word))
  const isEncrypted = /topk8|-aes/.test(keyForms[form]!)
  return openssl([...words, ...(isEncrypted ? ['-passout', `pass:${passphrase}`] : [])])
}

/** A PKCS #12 file of a certificate of the fixtures and its key, under `passphrase` or another. */
export function pkcs12File(name: string, args: readonly string[] = [], secret = passphrase): Buffer {
  const pair = ['-in', fixturePath(`${name}.pem`), '-inkey', fixturePath(`${name}.key`)]
  return openssl(['pkcs12', '-export', ...pair, '-passout', `pass:${secret}`, ...args])
}

/** What openssl writes to its output. */
export function openssl(args: readonly string[], input?: Uint8Array): Buffer {
  return execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'ignore'] })
}

/** A folder that is gone when the test is, and the paths of what was put there. */
export function folderOf(files: Readonly<Record<string, string | Uint8Array>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'ringtls-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes)
  return {
    path: (name: string) => join(folder, name),
    read: (name: string) => readFileSync(join(folder, name)),
  }
}
