// Prints `N passed, N failed` from the report of a test run. Arguments: the report, the exit code of the run.
import { existsSync, readFileSync } from 'node:fs'

const [report, exitCode] = process.argv.slice(2)
const { numPassedTests = 0, testResults = [] } = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
const failedIn = ({ status, assertionResults }) =>
  // A file that could not be loaded has no tests, and counts as one.
  assertionResults.filter(test => test.status === 'failed').length || (status === 'failed' ? 1 : 0)
const failed = testResults.map(failedIn).reduce((sum, count) => sum + count, 0)
// A run can fail without a failed test: an error outside of tests, no report at all.
console.log(`${numPassedTests} passed, ${failed || (exitCode === '0' ? 0 : 1)} failed`)
