import { isIP } from 'node:net'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import { isDnsName, matchesHost, parseIpAddress } from '../../src/x509/host-name.ts'

const dns = (...dnsNames: string[]) => ({ dnsNames, ipAddresses: [] })

describe('DNS names (RFC 9525 §6.3)', () => {
  test.each([
    ['server.example', 'server.example'],
    ['SERVER.example', 'server.EXAMPLE'],
    ['server.example', 'server.example.'],
    ['*.server.example', 'a.server.example'],
    ['*.server.example', 'A.Server.Example.'],
    ['*.server.example', 'xn--zrich-kva.server.example'],
    ['localhost', 'localhost'],
    ['a_b.server.example', 'a_b.server.example'],
  ])('%s speaks for %s', (presented, host) => {
    expect(matchesHost(dns(presented), host)).toBe(true)
  })

  test.each([
    ['server.example', 'other.example'],
    ['server.example', 'a.server.example'],
    ['server.example', 'example'],
    ['*.server.example', 'server.example'],
    ['*.server.example', 'a.b.server.example'],
    ['*.server.example', '.server.example'],
    ['*.example', 'server.example'],
    ['*', 'localhost'],
    ['a*.server.example', 'ab.server.example'],
    ['*a.server.example', 'ba.server.example'],
    ['a.*.example', 'a.b.example'],
    ['*.*.example', 'a.b.example'],
    ['*.server.example', '*.server.example'],
    ['server.example.', 'server.example'],
    ['server.example.', 'server.example.'],
    ['server.example', 'server.example..'],
    ['server.example\0.evil.example', 'server.example'],
    ['server.example', 'server.example\0.evil.example'],
    ['zürich.example', 'zürich.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['*.0.2.1', '192.0.2.1'],
    ['1.2.3', '1.2.3'],
    ['', ''],
    ['server.example', ''],
    ['server.example', '.'],
  ])('%j does not speak for %j', (presented, host) => {
    expect(matchesHost(dns(presented), host)).toBe(false)
  })

  test('no subjectAltName speaks for nobody', () => {
    expect(matchesHost(undefined, 'server.example')).toBe(false)
  })

  test('a name of 254 characters with labels of up to 63', () => {
    const label = 'a'.repeat(63)
    expect(isDnsName(`${label}.${label}.${label}.${'a'.repeat(61)}.`)).toBe(true)
    expect(isDnsName(`${label}.${label}.${label}.${'a'.repeat(62)}.`)).toBe(false)
    expect(isDnsName(`${label}a.example`)).toBe(false)
    expect(isDnsName('-a.example')).toBe(false)
  })
})

describe('IP addresses (RFC 9525 §6.5)', () => {
  test.each([
    ['192.0.2.1', 'c0000201'],
    ['0.0.0.0', '00000000'],
    ['255.255.255.255', 'ffffffff'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::1', `20010db8${'00'.repeat(11)}01`],
    ['2001:DB8:0:0:0:0:0:1', `20010db8${'00'.repeat(11)}01`],
    ['fe80::', `fe80${'00'.repeat(14)}`],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['::ffff:192.0.2.1', `${'00'.repeat(10)}ffffc0000201`],
    ['64:ff9b::192.0.2.33', `0064ff9b${'00'.repeat(8)}c0000221`],
  ])('%s', (text, hex) => {
    expect(toHex(parseIpAddress(text) ?? new Uint8Array(0))).toBe(hex)
    expect(isIP(text)).not.toBe(0)
  })

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    '1.2.3.',
    'server.example',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '1:',
    ':1',
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:1',
    '[::1]',
    '1:2:3:4:5:6:7:1.2.3.4',
  ])('%j is none', text => {
    expect(parseIpAddress(text)).toBeUndefined()
    expect(isIP(text)).toBe(0)
  })

  test('are compared by their bytes, whatever the spelling, and only with addresses', () => {
    const names = {
      dnsNames: ['server.example'],
      ipAddresses: [Uint8Array.of(192, 0, 2, 1), new Uint8Array(16)],
    }
    expect(matchesHost(names, '192.0.2.1')).toBe(true)
    expect(matchesHost(names, '192.0.2.2')).toBe(false)
    expect(matchesHost(names, '0:0::0')).toBe(true)
    expect(matchesHost(names, '::ffff:192.0.2.1')).toBe(false)
  })
})
