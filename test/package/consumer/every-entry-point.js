// Prints what each entry point exports: { "ringtls/node": ["connect", ...], ... }.
import { readFileSync } from 'node:fs'

const { name, exports } = JSON.parse(readFileSync(new URL(import.meta.resolve('ringtls/package.json')), 'utf8'))
const found = {}
for (const path of Object.keys(exports).filter(path => !path.endsWith('.json'))) {
  const entry = name + path.slice(1)
  found[entry] = Object.keys(await import(entry))
}
console.log(JSON.stringify(found))
