// The same by require(), which Node 20.19 and 22.12 can do for modules that await nothing at their top.
const { name, exports: entries } = require('ringtls/package.json')

const found = {}
for (const path of Object.keys(entries).filter(path => !path.endsWith('.json'))) {
  const entry = name + path.slice(1)
  found[entry] = Object.keys(require(entry)).filter(key => key !== '__esModule')
}
console.log(JSON.stringify(found))
