/** The program of a thread: does the one job that it was started with. */
import { parentPort, workerData } from 'node:worker_threads'
import { doJob, type JobMessage, type SimulationJob } from './jobs.ts'

const tell = (message: JobMessage) => parentPort!.postMessage(message)

tell({ result: doJob(workerData as SimulationJob, done => tell({ done })) })
