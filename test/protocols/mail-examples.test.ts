/** The examples of mail, of files and of TLS in mid-stream, and what each prints. */
import { testExamples } from './run-example.ts'

testExamples({
  '10-smtps': [
    'TLSv1.2, resumed: false',
    'a message for b@example.test',
    '250 OK: message queued',
    'TLSv1.2, resumed: true',
    'a message for b@example.test',
    '250 OK: message queued',
    'closed',
  ],
  '11-pop3s': [
    'first: TLSv1.2, resumed: false',
    'from a server without TLS',
    'second: TLSv1.2, resumed: true',
    'from a server without TLS',
    'closed',
  ],
  '12-imaps': [
    'today: 3 messages, TLSv1.2, resumed: false',
    'tomorrow: 3 messages, TLSv1.2, resumed: true',
    'closed',
  ],
  '13-ftps': [
    'upload hello.txt: 12 bytes, TLSv1.2',
    'download hello.txt: 12 bytes, TLSv1.2',
    'over our TLS',
    'closed',
  ],
  '14-starttls': [
    'client: +OK in the clear',
    'client: +OK begin TLS',
    'server: USER somebody',
    'client: +OK encrypted with TLSv1.2',
    'closed',
  ],
})
