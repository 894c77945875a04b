import { ApiMisuse } from '../../errors.ts'

/** Loads the client of an engine, which only those install who have the engine. Throws ApiMisuse when it is missing. */
export async function loadClient<T>(packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing) throw error
    throw new ApiMisuse(
      `this store needs the package ${packageName}, which is not installed: npm install ${packageName}`,
    )
  }
}
