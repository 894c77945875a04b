/** The method in nine steps, told with real processes. Each step knows how it has to come out. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeClientSession, encodeClientSession } from '../../session/client-session.ts'
import { type Output, roundMs } from '../output.ts'
import type { BackEnd } from './balancer.ts'
import { nodeIds, type Stage, type Visit } from './stage.ts'
import { messageName, printFigure, printHeading, printStep, type StepEvent } from './teller.ts'

/** A step to come, and how it should come out. */
interface Scene {
  readonly title: string
  readonly at: BackEnd
  readonly session?: Uint8Array
  readonly wanted: {
    readonly handshake: 'full' | 'resumed'
    /** One of these. */
    readonly reasons: readonly string[]
    /** One of these servers; any by default. */
    readonly servers?: readonly string[]
  }
  /** What else must hold; runs after the visit, before the step is printed. */
  readonly check?: (visit: Visit) => Promise<readonly string[]>
}

const shortTtlSeconds = 2

/** Tells the story on a stage that is open; false when a step did not come out as the method says. */
export class Story {
  readonly #stage: Stage
  readonly #output: Output
  #steps = 0
  #isTrue = true

  constructor(stage: Stage, output: Output) {
    this.#stage = stage
    this.#output = output
  }

  async tell(): Promise<boolean> {
    printHeading(this.#output)
    const made = await this.#resumeEverywhere()
    const owner = await this.#outlive(made)
    await this.#expire(owner)
    await this.#dismissStranger()
    return this.#isTrue
  }

  /** Full with one server, resumed with each of the others. */
  async #resumeEverywhere(): Promise<Visit> {
    const at = this.#stage.balancer
    const first = await this.#step({
      title: 'A first visit, through the balancer: a full handshake',
      at,
      wanted: { handshake: 'full', reasons: ['no_id'] },
    })
    await this.#stage.untilStored(first.session)
    const resumed = { handshake: 'resumed', reasons: ['hit'] } as const
    const second = await this.#step({
      title: 'Back again: the balancer picks another server, which asks the owner',
      at,
      session: first.session,
      wanted: { ...resumed, servers: others(first.server.node) },
    })
    await this.#step({
      title: 'Once more, at the third server',
      at,
      session: first.session,
      wanted: { ...resumed, servers: others(first.server.node, second.server.node) },
    })
    return first
  }

  /** The generating server dies, and the session lives; its owner dies, and nobody notices. Returns the dead owner. */
  async #outlive({ session, server }: Visit): Promise<string> {
    const generator = server.node!
    const owner = this.#stage.ownerOf(session)!
    await this.#stage.kill(generator)
    await this.#step({
      title: `${generator}, which made the session, is killed: it still resumes`,
      at: this.#stage.balancer,
      session,
      wanted: { handshake: 'resumed', reasons: ['hit'], servers: others(generator) },
    })
    await this.#stage.start(generator)
    await this.#stage.kill(owner)
    await this.#step({
      title: `${generator} is back; ${owner}, which holds the session, is killed: a full handshake, no error`,
      at: this.#stage.balancer,
      session,
      wanted: { handshake: 'full', reasons: ['error', 'timeout'], servers: others(owner) },
    })
    return owner
  }

  /** A session whose time is over. */
  async #expire(id: string): Promise<void> {
    await this.#stage.start(id, ['--ttl', String(shortTtlSeconds)])
    const title = `${id} is back with --ttl ${shortTtlSeconds}: it makes a session of ${shortTtlSeconds} s`
    const at = this.#stage.addressOf(id)
    const { session } = await this.#step({ title, at, wanted: { handshake: 'full', reasons: ['no_id'] } })
    const endMs = Date.now() + shortTtlSeconds * 1000
    await this.#stage.untilStored(session)
    const other = others(id)[0]!
    await this.#step({
      title: `At once, at ${other}: it resumes`,
      at: this.#stage.addressOf(other),
      session,
      wanted: { handshake: 'resumed', reasons: ['hit'], servers: [other] },
    })
    await sleep(endMs - Date.now() + 100)
    await this.#step({
      title: `${shortTtlSeconds} s after it was made, at ${other}: the session has expired`,
      at: this.#stage.addressOf(other),
      session,
      // The owner drops a record when its time is over: what is asked for then is not there any more.
      wanted: { handshake: 'full', reasons: ['expired', 'miss'], servers: [other] },
    })
  }

  /** An ID that the cluster did not draw costs no request. The server is new, so that all it sent can be counted. */
  async #dismissStranger(): Promise<void> {
    const id = nodeIds[0]
    await this.#stage.stop(id)
    await this.#stage.start(id)
    const donor = await this.#stage.visit(this.#stage.addressOf(others(id)[0]!))
    await this.#step({
      title: `An ID that no server of the cluster drew, at ${id}: no look-up`,
      at: this.#stage.addressOf(id),
      session: withForgedId(donor.session),
      wanted: { handshake: 'full', reasons: ['foreign_id'], servers: [id] },
      check: async () => {
        const { exitCode, requests, puts } = await this.#stage.stop(id)
        return [
          ...(requests === puts
            ? []
            : [`${id} sent ${requests - puts} requests more than the ${puts} that store`]),
          ...(exitCode === 0 ? [] : [`${id} was asked to stop and exited with ${exitCode}`]),
        ]
      },
    })
  }

  async #step({ title, at, session, wanted, check }: Scene): Promise<Visit> {
    const visit = await this.#stage.visit(at, session)
    const problems = [...this.#problems(visit, wanted), ...((await check?.(visit)) ?? [])]
    const step = stepEvent(visit, { step: ++this.#steps, title, problems })
    if (problems.length > 0) this.#isTrue = false
    printStep(this.#output, step)
    if (step.step <= 2) printFigure(this.#output, step)
    return visit
  }

  /** Compares what server, client, page and the ID itself say, with each other and with what was wanted. */
  #problems(
    { report, server, page, session, authorized }: Visit,
    wanted: Scene['wanted'],
  ): readonly string[] {
    const isResumed = wanted.handshake === 'resumed'
    const owner = this.#stage.ownerOf(session) ?? null
    const claims: readonly (readonly [boolean, string])[] = [
      [server.resumed === isResumed, `wanted ${wanted.handshake}`],
      [report.resumed === server.resumed, 'client and server do not agree whether it resumed'],
      [page.includes(`\nresumed: ${isResumed ? 'yes' : 'no'}\n`), 'the page does not say so'],
      [wanted.reasons.includes(server.reason), `wanted the reason ${wanted.reasons.join(' or ')}`],
      [
        !wanted.servers || wanted.servers.includes(server.node ?? ''),
        `wanted server ${wanted.servers?.join(' or ')}`,
      ],
      [server.owner === owner, `the ID says that ${owner} is the owner`],
      [server.resumed || server.node !== owner, 'the server that made the session stores it too'],
      [report.messages.length === (isResumed ? 6 : 9), `wanted ${isResumed ? 6 : 9} messages`],
      [authorized, 'the server is not verified'],
    ]
    return claims.filter(([holds]) => !holds).map(([, problem]) => problem)
  }
}

function stepEvent(
  { report, server }: Visit,
  { step, title, problems }: { step: number; title: string; problems: readonly string[] },
): StepEvent {
  return {
    event: 'step',
    step,
    title,
    server: server.node,
    owner: server.owner,
    handshake: server.resumed ? 'resumed' : 'full',
    reason: server.reason,
    messages: report.messages.map(({ sender, type }) => ({ sender, message: messageName(type) })),
    bytesIn: report.bytesIn,
    bytesOut: report.bytesOut,
    ms: roundMs(report.ms),
    lookupMs: server.lookupMs,
    ok: problems.length === 0,
    problems,
  }
}

function others(...ids: readonly (string | null)[]): readonly string[] {
  return nodeIds.filter(id => !ids.includes(id))
}

/** The hardest stranger: version and key epoch of a real ID, and nothing else of it. */
function withForgedId(session: Uint8Array): Uint8Array {
  const client = decodeClientSession(session)
  const sessionId = Uint8Array.of(client.sessionId[0]!, ...randomBytes(31))
  return encodeClientSession({ ...client, sessionId })
}
