import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Half of the suite's time: begun first, so that no core waits for the last of them at the end. */
const longest =
  /(rehearse|restore-test\.docker|drills|agent-killed|bin\/offsite|restorable\.real|install|deploy|order|shapes|cuts|majors|adversary)\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => (longest.test(moduleId) ? 0 : 1);
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

// Tests start real servers and real child processes: generous limits. One file more at once than there are cores: each waits
// now and then, for a store that does not answer or a dump that stalls.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    globalSetup: './test/global-setup.ts',
    reporters: ['default', './test/closing-line.ts'],
  },
});
