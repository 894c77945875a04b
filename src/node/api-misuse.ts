import { ApiMisuse } from '../errors.ts'

/** Our caller's mistake under the code that Node has for it: `ERR_TLS_INVALID_STATE`, say. */
export function apiMisuse(code: string, message: string): ApiMisuse & { readonly code: string } {
  return Object.assign(new ApiMisuse(message), { code })
}
