/** A run of the model: three servers, what happens to them, and what must hold all the while. The entry of load.ts's bundle. */
import type { ClusterInfo } from '../../../src/cluster/cluster-info.ts'
import { testNowMs } from '../../support/pair.ts'
import { seededRandom, type TestEpoch, testInfo } from '../support.ts'
import { Attempt } from './client.ts'
import type { Command } from './commands.ts'
import { unplugAll } from './in-memory-http.ts'
import { garbageKinds, Network, type Scheduler } from './network.ts'
import { type KnownSession, type Offer, Violation } from './rules.ts'
import { allSuites, ModelServer, maxRecords, portOf } from './server.ts'
import { virtualTime } from './virtual-time.ts'

export { Violation } from './rules.ts'

/** Runs commands and then, unless safety alone is of interest, heals the cluster and sees that it works again. Rejects with a Violation. */
export async function runModel(
  commands: readonly Command[],
  scheduler: Scheduler,
  { safetyAlone = false }: { safetyAlone?: boolean } = {},
): Promise<void> {
  virtualTime.restart(testNowMs)
  unplugAll()
  const world = new World(scheduler)
  for (const command of commands) await world.run(command)
  await world.settle()
  if (safetyAlone) return
  await world.heal()
  await world.check()
}

const ids = ['n0', 'n1', 'n2']
const node = (id: string) => ({ id, url: `http://10.0.0.1:${portOf(id)}` })

/** Lists that an operator may hand out; the first is the one that heals. */
const lists: readonly ClusterInfo[] = [
  testInfo(ids.map(node), { replicas: 2 }),
  testInfo(ids.map(node), { revision: 2, replicas: 1 }),
  testInfo([...ids].reverse().map(node), { revision: 3, replicas: 2 }),
  testInfo(['n0', 'n1'].map(node), { revision: 4, replicas: 2 }),
  testInfo(['n1', 'n2'].map(node), { revision: 5 }),
  testInfo([node('n0'), { ...node('n1'), state: 'draining' }, node('n2')], { revision: 6, replicas: 2 }),
  testInfo([node('n0'), node('n1'), { ...node('n2'), state: 'down' }], { revision: 7, replicas: 2 }),
  testInfo(ids.map(node), { revision: 8, replicas: 2, placement: 'chord' }),
]
const names = ['a.example.test', 'a.example.test', 'b.example.test', undefined]
/** Within and beyond what sessions tolerate (5 s), what signatures do (30 s), and what sessions live. */
const skewsMs = [0, 0, 4000, -4000, -6000, -6000, 20_000, 20_000, -20_000, 31_000, -31_000, 700_000, -700_000]
const waitsMs = [
  ...[1, 4, 6, 30, 60, 400, 1100, 1100, 5000, 31_000],
  ...[61_000, 300_000, 590_000, 590_000, 601_000, 660_000],
]
const delaysMs = [3, 7, 30, 45, 60, 1100, 1600, 1600]

class World {
  readonly #scheduler: Scheduler
  readonly #network: Network
  readonly #random = seededRandom('model')
  readonly #servers: readonly ModelServer[]
  /** Newest first. */
  #sessions: KnownSession[] = []
  /** Those under way, and those with an open connection. */
  #attempts: Attempt[] = []
  #epochs: readonly TestEpoch[] = [{ epoch: 1, notBeforeMs: testNowMs - 60_000 }]

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    this.#network = new Network(scheduler)
    const [network, info, epochs] = [this.#network, lists[0]!, this.#epochs]
    this.#servers = ids.map(
      id => new ModelServer({ id, network, info, epochs, random: seededRandom(`model ${id}`) }),
    )
  }

  async run({ kind, server: at, other, choice }: Command): Promise<void> {
    const server = this.#servers[at]!
    switch (kind) {
      case 'connect':
        return this.#connect(server, offerOf(choice))
      case 'resume':
        return this.#resume(server, this.#sessions[other], choice)
      case 'fatal':
        return this.#breakOff(other)
      case 'settle':
        return this.settle()
      case 'deliver':
        for (let i = 0; i <= choice % 4 && this.#scheduler.count() > 0; i++) await this.#deliverOne()
        return
      case 'wait':
        return this.#wait(waitsMs[choice]!)
      case 'slow':
        return this.#network.slowDown(server.id, delaysMs[choice % delaysMs.length]!)
      case 'cut':
        return this.#network.cut(server.id, ids[other]!)
      case 'reset':
        return this.#network.reset(server.id, ids[other]!)
      case 'garbage':
        return this.#network.garble(ids[other]!, garbageKinds[choice % garbageKinds.length]!)
      case 'heal':
        return this.#network.heal()
      case 'evict':
        return this.#evict(server)
      case 'policy':
        // Mostly everywhere at once.
        for (const each of other === 0 ? [server] : this.#servers) each.terms = termsOf(choice)
        return
      case 'skew':
        server.skewMs = skewsMs[choice % skewsMs.length]!
        return
      default:
        return this.#operate(kind, server, choice)
    }
  }

  /** What operators do, or what is done to them. */
  #operate(
    kind: 'crash' | 'restart' | 'rotate' | 'retire' | 'list',
    server: ModelServer,
    choice: number,
  ): void {
    // In the middle of a change some servers have the new file and some the old one.
    const reached = choice < 11 ? this.#servers : this.#servers.filter(each => each !== server)
    switch (kind) {
      case 'crash':
        this.#lose(server)
        return server.crash()
      case 'restart':
        this.#lose(server)
        return server.restart()
      case 'rotate':
        this.#epochs = rotated(this.#epochs)
        for (const each of reached) each.takeKeys(this.#epochs)
        return
      case 'retire':
        this.#epochs = retired(this.#epochs)
        for (const each of reached) each.takeKeys(this.#epochs)
        return
      case 'list':
        for (const each of reached) each.takeList(lists[choice % lists.length]!)
        return
    }
  }

  /** Until no message is under way and no timer is set. */
  async settle(): Promise<void> {
    await this.#until(() => this.#scheduler.count() === 0 && virtualTime.nextMs === undefined)
  }

  /** Everything is in order again, and has been for a while. */
  async heal(): Promise<void> {
    this.#network.heal()
    this.#epochs = this.#epochs.filter(({ notAfterMs }) => notAfterMs === undefined)
    for (const server of this.#servers) {
      server.skewMs = 0
      server.terms = termsOf(0)
      if (!server.isUp) server.restart()
      server.takeKeys(this.#epochs)
      server.takeList(lists[0]!)
    }
    await this.#wait(61_000)
    await this.settle()
  }

  /** Liveness: sessions resume everywhere, are forgotten everywhere, and outlive a rotation of the key. */
  async check(): Promise<void> {
    const [one, two, three] = this.#servers as [ModelServer, ModelServer, ModelServer]
    const session = await this.#make(two)
    for (const server of this.#servers) await this.#expect(server, session, true)
    await this.#breakOff(0)
    await this.settle()
    await this.#expect(three, session, false)
    await this.#expect(one, session, false)
    const kept = await this.#make(three)
    this.#epochs = rotated(this.#epochs)
    for (const server of this.#servers) server.takeKeys(this.#epochs)
    await this.#wait(61_000)
    const younger = await this.#make(one)
    for (const server of this.#servers) await this.#expect(server, kept, true)
    await this.#expect(two, younger, true)
  }

  async #make(server: ModelServer): Promise<KnownSession> {
    await this.#connect(server, offerOf(0))
    await this.settle()
    return this.#sessions[0]!
  }

  async #expect(server: ModelServer, session: KnownSession, isResumed: boolean): Promise<void> {
    const attempt = this.#start(server, { ...offerOf(0), session })
    await this.#until(() => attempt.isOver)
    if (attempt.resumed !== isResumed)
      throw new Violation('healed', `${server.id} ${isResumed ? 'did not resume' : 'resumed'} a session`)
  }

  async #connect(server: ModelServer, offer: Offer): Promise<void> {
    if (!server.isUp) return
    const attempt = this.#start(server, admissible(offer, server))
    await this.#until(() => attempt.isOver)
  }

  async #resume(server: ModelServer, session: KnownSession | undefined, choice: number): Promise<void> {
    if (!server.isUp || session === undefined) return
    const attempt = this.#start(server, admissible(returning(session, choice), server))
    // A client on a slow way: others go on meanwhile.
    if (choice !== 15) await this.#until(() => attempt.isOver)
  }

  #start(server: ModelServer, offer: Offer): Attempt {
    const attempt = new Attempt(server, offer, this.#random)
    this.#attempts.unshift(attempt)
    this.#note(attempt)
    return attempt
  }

  /** The session of a handshake that ended may be resumed from now on. */
  #note({ made }: Attempt): void {
    if (made !== undefined && !this.#sessions.includes(made)) this.#sessions.unshift(made)
  }

  /** A fatal alert on the connection that was made so many connections ago. */
  async #breakOff(back: number): Promise<void> {
    const attempt = this.#attempts.filter(each => each.state === 'done')[back]
    if (attempt === undefined) return
    this.#attempts = this.#attempts.filter(each => each !== attempt)
    attempt.sendFatalAlert()
    await flushed()
  }

  #lose(server: ModelServer): void {
    for (const attempt of this.#attempts) if (attempt.server === server) attempt.lose()
    this.#attempts = this.#attempts.filter(each => each.server !== server)
  }

  /** So many sessions of others that nothing older is left on its node. */
  async #evict(server: ModelServer): Promise<void> {
    if (server.isUp) for (let i = 0; i < maxRecords; i++) await server.fill(this.#random(32))
  }

  async #wait(ms: number): Promise<void> {
    const endMs = virtualTime.nowMs + ms
    await this.#until(() => this.#scheduler.count() === 0 && (virtualTime.nextMs ?? endMs) >= endMs)
    virtualTime.advanceTo(endMs)
  }

  async #until(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (this.#scheduler.count() > 0) await this.#deliverOne()
      else if (virtualTime.nextMs === undefined) throw new Violation('budget', 'nothing will ever happen')
      else await this.#progressed(() => virtualTime.fireNext())
    }
  }

  #deliverOne(): Promise<void> {
    return this.#progressed(() => this.#scheduler.waitOne())
  }

  async #progressed(event: () => void | Promise<void>): Promise<void> {
    await event()
    await flushed()
    for (const attempt of this.#attempts) {
      attempt.progress()
      this.#note(attempt)
    }
  }
}

/** All that follows from the last event without waiting has happened. */
const flushed = () => new Promise<void>(resolve => setImmediate(resolve))

function offerOf(choice: number): Offer {
  return {
    serverName: names[choice & 3],
    suites: choice & 4 ? allSuites.slice(1) : allSuites,
    extendedMasterSecret: (choice & 9) !== 9,
    identity: choice & 8 ? 'client-rsa' : 'client-ec',
    session: undefined,
  }
}

/** How a client comes back with a session: mostly as it was. */
function returning(session: KnownSession, choice: number): Offer {
  const { serverName, extendedMasterSecret } = session
  const same: Offer = { serverName, extendedMasterSecret, identity: 'client-rsa', suites: allSuites, session }
  const others = allSuites.filter(suite => suite !== session.suite)
  switch (choice) {
    case 8:
      return { ...same, serverName: session.serverName === names[0] ? names[2] : names[0] }
    case 9:
      return { ...same, serverName: undefined }
    case 10:
      return { ...same, suites: others }
    case 11:
      return { ...same, extendedMasterSecret: !session.extendedMasterSecret }
    case 12:
      // The tag of another ID: whoever has none of the cluster's keys cannot make one.
      return { ...same, foreignId: session.id.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) }
    default:
      return same
  }
}

/** Without a suite in common there is no handshake, whatever the cluster does. */
function admissible(offer: Offer, { terms }: ModelServer): Offer {
  const isServed = offer.suites.some(suite => terms.suites.includes(suite))
  return isServed ? offer : { ...offer, suites: allSuites }
}

function termsOf(choice: number): ModelServer['terms'] {
  const change = choice >> 2
  return {
    clientAuth: (['none', 'none', 'request', 'require'] as const)[choice & 3]!,
    context: change === 1 ? 'b' : 'a',
    suites: change < 2 ? allSuites : [allSuites[change - 2]!],
  }
}

/** In two phases: the new epoch starts in 60 s, and the one before it opens for as long as its sessions live. */
function rotated(epochs: readonly TestEpoch[]): readonly TestEpoch[] {
  const [newest] = epochs as readonly [TestEpoch]
  const notBeforeMs = virtualTime.nowMs + 60_000
  const closed = { ...newest, notAfterMs: notBeforeMs + 24 * 3600 * 1000 }
  return [{ epoch: newest.epoch + 1, notBeforeMs }, closed, ...epochs.slice(1)]
}

/** A key that got into wrong hands: its successor starts at once, and nothing is opened with it any more. */
function retired(epochs: readonly TestEpoch[]): readonly TestEpoch[] {
  const [newest] = epochs as readonly [TestEpoch]
  const nowMs = virtualTime.nowMs
  const older = epochs.map(epoch => ({ ...epoch, notAfterMs: Math.max(nowMs - 1, epoch.notBeforeMs! + 1) }))
  return [{ epoch: newest.epoch + 1, notBeforeMs: nowMs - 60_000 }, ...older]
}
