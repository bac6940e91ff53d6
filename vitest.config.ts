import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Two thirds of the suite's time, the longest first: no core waits for the last of them at the end. */
const longest = [
  'bin/restore-test.docker',
  'rehearsal/rehearse',
  'restore-test/drills',
  'bin/recover.docker',
  'restore/in-place',
  'install',
  'bin/offsite',
  'sql/restorable.real',
  'bin/offsite.docker',
  'recovery-point/drill',
  'restore-test/restore-test',
  'bin/restore-test',
  'faults/agent-killed',
  'rehearsal/ranges',
  'integ/integ',
  'stack/deploy',
  'faults/pg-dump-stalls',
  'page/page.browser',
  'bin/restore-test-cli',
  'restore-test/shapes',
  'archive/accept',
  'doctor/doctor',
  'faults/agent-state',
  'faults/agent-ends',
  'faults/pg-dump-dies',
  'bin/stack',
  'nightly/running',
  'majors',
  'restore/order',
  'restore/restore',
  'restore-by-hand',
  'stack/offsite-stack',
  'restore/adversary',
].map((name) => `/test/${name}.test.ts`);

/**
 * Files with a process of their own. All others share what they import, which is 0.6 s of the processor for each, and 1 s more
 * with the CDK.
 */
const alone = [
  // What is a second more to a minute, and its memory is given back.
  ...longest.filter((name) => !name.startsWith('/test/stack/')).map((name) => name.slice(1)),
  'test/**/*.{browser,ceph,docker}.test.ts',
  'test/bin/{build,guard,init,install,package,packages}.test.ts',
  'test/{first-hour,regression-database}.test.ts',
  'test/import/import.test.ts',
  'test/restore/own-database.test.ts',
  // They look at their own process: its memory, what it has open, programs that it found or did not.
  'test/base/process.test.ts',
  'test/faults/fuzz.test.ts',
  'test/gzip/{compressor,inflate-members}.test.ts',
  'test/nightly/host.test.ts',
  'test/postgres/{programs,throwaway}.test.ts',
  'test/restore-test/hostile.test.ts',
  'test/sql/scanner.test.ts',
  // Handlers read their environment once, as Lambda starts them; nag changes what others of its process would see.
  'test/lambda/**/*.test.ts',
  'test/mail/{by-the-hour,recipients}.test.ts',
  'test/rehearsal/**/*.test.ts',
  'test/restore-task/{build-image,launcher}.test.ts',
  'test/retention/{lock,log,renewal}.test.ts',
  'test/sidecar/sidecar.test.ts',
  'test/stack/nag.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(name));
      if (at >= 0) return at;
      // One after the other, or their process is not kept.
      return longest.length + (project.name === 'shared' ? 1 : 0);
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

// Tests start real servers and real child processes: generous limits. Two files more at once than there are cores: each waits
// now and then, for a store that does not answer or a dump that stalls.
const common = { testTimeout: 180_000, hookTimeout: 300_000, maxWorkers: 4 };

export default defineConfig({
  test: {
    ...common,
    sequence: { sequencer: LongestFirst },
    globalSetup: './test/global-setup.ts',
    reporters: ['default', './test/closing-line.ts'],
    projects: [
      {
        test: {
          ...common,
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          isolate: false,
          setupFiles: './test/fixtures/as-found.ts',
        },
      },
      { test: { ...common, name: 'own', include: alone } },
    ],
  },
});
