// The closing line of CI: tests and checks together, and the exit code that goes with it.
import { existsSync, readFileSync } from "node:fs";

const [file, checksPassed, ...failedChecks] = process.argv.slice(2);
let [passed, failed, skipped] = [Number(checksPassed), failedChecks.length, 0];
if (existsSync(file)) {
  const report = JSON.parse(readFileSync(file, "utf8"));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  for (const suite of report.testResults)
    for (const test of suite.assertionResults)
      if (test.status === "pending" || test.status === "skipped")
        console.log(`skipped: ${suite.name.replace(`${process.cwd()}/`, "")}: ${test.fullName}`);
} else {
  failed += 1;
  console.log("The test run left no report.");
}
for (const name of failedChecks) console.log(`failed check: ${name}`);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
