/** The examples of HTTP, and what each prints. */
import { testExamples } from './run-example.ts'

testExamples({
  '01-https-server': [
    '/first TLSv1.2 resumed: false, connection kept: false',
    '/second TLSv1.2 resumed: false, connection kept: true',
    '/later TLSv1.2 resumed: true, connection kept: false',
    'closed',
  ],
  '02-https-agent': [
    'hello /first: connection kept: false, 11 messages of handshake',
    'hello /second: connection kept: true, 11 messages of handshake',
    'hello /later: connection kept: false, 6 messages of handshake',
    'closed',
  ],
  '03-undici': ['200 GET, connections so far: 1', '200 POST, connections so far: 1', 'closed'],
  '04-http2': ['h2: /a by HTTP/2.0, /b by HTTP/2.0, /c by HTTP/2.0', '/d by HTTP/1.1', 'closed'],
  '05-websocket': ['you said: hello', 'you said: goodbye', 'closed'],
})
