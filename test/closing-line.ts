import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

type Counts = { passed: number; failed: number; skipped: number };

/**
 * Prints the plain closing line that any CI can read, after vitest's own summary.
 *
 * @remarks Vitest calls a test skipped whose file or suite failed before it came to it. Nobody chose that: here it failed.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      const before = counts.failed;
      const kept = add(module, counts, false);
      if (module.state() === 'failed' && counts.failed === before) counts.failed += 1;
      if (kept > 0)
        console.log(
          `${module.relativeModuleId}: ${kept} tests never began, as what comes before them failed`,
        );
    }
    const tail = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    console.log(`\n${counts.passed} passed, ${counts.failed} failed${tail}`);
  }
}

/** @returns How many tests were kept from beginning. */
function add(suite: TestModule | TestSuite, counts: Counts, isKept: boolean): number {
  const keeps = isKept || suite.errors().length > 0;
  let kept = 0;
  for (const child of suite.children) {
    if (child.type === 'suite') kept += add(child, counts, keeps);
    else {
      const outcome = outcomeOf(child, keeps);
      if (outcome === 'kept') kept += 1;
      counts[outcome === 'kept' ? 'failed' : outcome] += 1;
    }
  }
  return kept;
}

function outcomeOf(test: TestCase, isKept: boolean): keyof Counts | 'kept' {
  const { state } = test.result();
  if (state === 'passed' || state === 'failed') return state;
  return isKept && test.options.mode === 'run' ? 'kept' : 'skipped';
}
