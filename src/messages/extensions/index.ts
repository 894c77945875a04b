/** Which extensions are read in which message; everything else is kept and ignored. A new one is one file and a row here. */
import { encryptThenMac } from './encrypt-then-mac.ts'
import { extendedMasterSecret } from './extended-master-secret.ts'
import { type Extension, extensionList } from './extension.ts'
import { renegotiationInfo } from './renegotiation-info.ts'
import { serverNameAcknowledged, serverNameList } from './server-name.ts'
import { signatureAlgorithms } from './signature-algorithms.ts'

const clientHelloBodies = {
  server_name: serverNameList,
  signature_algorithms: signatureAlgorithms,
  encrypt_then_mac: encryptThenMac,
  extended_master_secret: extendedMasterSecret,
  renegotiation_info: renegotiationInfo,
} as const

const serverHelloBodies = {
  server_name: serverNameAcknowledged,
  encrypt_then_mac: encryptThenMac,
  extended_master_secret: extendedMasterSecret,
  renegotiation_info: renegotiationInfo,
} as const

export const clientHelloExtensions = extensionList(clientHelloBodies)
export const serverHelloExtensions = extensionList(serverHelloBodies)
export type ClientHelloExtension = Extension<typeof clientHelloBodies>
export type ServerHelloExtension = Extension<typeof serverHelloBodies>

export { ExtensionType, findExtension } from './extension.ts'
