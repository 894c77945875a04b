/** Which extensions are read in which message; everything else is kept and ignored. A new one is one file and a row here. */
import { protocolNameList } from './application-layer-protocol-negotiation.ts'
import { ecPointFormats } from './ec-point-formats.ts'
import { encryptThenMac } from './encrypt-then-mac.ts'
import { extendedMasterSecret } from './extended-master-secret.ts'
import { type Extension, extensionList } from './extension.ts'
import { maxFragmentLength } from './max-fragment-length.ts'
import { recordSizeLimit } from './record-size-limit.ts'
import { renegotiationInfo } from './renegotiation-info.ts'
import { serverNameAcknowledged, serverNameList } from './server-name.ts'
import { sessionTicket, sessionTicketPromised } from './session-ticket.ts'
import { signatureAlgorithms, signatureAlgorithmsCert } from './signature-algorithms.ts'
import {
  signedCertificateTimestampList,
  signedCertificateTimestampsWanted,
} from './signed-certificate-timestamp.ts'
import { certificateStatusPromised, certificateStatusRequest } from './status-request.ts'
import { supportedGroups } from './supported-groups.ts'

const clientHelloBodies = {
  server_name: serverNameList,
  max_fragment_length: maxFragmentLength,
  status_request: certificateStatusRequest,
  supported_groups: supportedGroups,
  ec_point_formats: ecPointFormats,
  signature_algorithms: signatureAlgorithms,
  application_layer_protocol_negotiation: protocolNameList,
  signed_certificate_timestamp: signedCertificateTimestampsWanted,
  encrypt_then_mac: encryptThenMac,
  extended_master_secret: extendedMasterSecret,
  record_size_limit: recordSizeLimit,
  session_ticket: sessionTicket,
  signature_algorithms_cert: signatureAlgorithmsCert,
  renegotiation_info: renegotiationInfo,
} as const

const serverHelloBodies = {
  server_name: serverNameAcknowledged,
  max_fragment_length: maxFragmentLength,
  status_request: certificateStatusPromised,
  ec_point_formats: ecPointFormats,
  application_layer_protocol_negotiation: protocolNameList,
  signed_certificate_timestamp: signedCertificateTimestampList,
  encrypt_then_mac: encryptThenMac,
  extended_master_secret: extendedMasterSecret,
  record_size_limit: recordSizeLimit,
  session_ticket: sessionTicketPromised,
  renegotiation_info: renegotiationInfo,
} as const

export const clientHelloExtensions = extensionList(clientHelloBodies)
export const serverHelloExtensions = extensionList(serverHelloBodies)
export type ClientHelloExtension = Extension<typeof clientHelloBodies>
export type ServerHelloExtension = Extension<typeof serverHelloBodies>

export { ExtensionType, findExtension } from './extension.ts'
