/** `judge.ts <count> <seed> [first]`: prints the judgement of so many mutants, or until the first fault. */
import { mutate } from './mutation.js'

const [, , count, seed, first] = process.argv
console.log(JSON.stringify(mutate(Number(count), Number(seed), first !== undefined)))
