// A CommonJS module in TypeScript: what Node can require(), TypeScript lets it.
import tls = require('ringtls/node')

const cache: tls.MemorySessionCache = new tls.MemorySessionCache({ now: () => 0 })
console.log(cache.load(new Uint8Array(32)))
