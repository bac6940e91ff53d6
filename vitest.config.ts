import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Two thirds of the suite's time, the longest first: no core waits for the last of them at the end. */
const longest = [
  'rehearsal/rehearse',
  'bin/offsite',
  'stack/deploy',
  'bin/restore-test.docker',
  'guard/drills.moto',
  'bin/recover.docker',
  'install',
  'bin/offsite.docker',
  'recovery-point/drill',
  'restore/in-place',
  'restore-test/drills',
  'wal/receive',
  'faults/pg-dump-stalls',
  'sql/restorable.real',
  'majors',
  'restore-by-hand',
  'faults/agent-ends',
  'gzip/compressor',
  'doctor/doctor',
  'bin/packages',
  'restore-test/restore-test',
  'bin/restore-test',
  'retention/undo',
  'restore/order',
  'restore-test/shapes',
  'bin/stack',
  'page/page.browser',
  'bin/package',
  'stack/offsite-stack',
  'bin/before-upgrade',
  'bin/restore-test-cli',
  'bin/install',
  'archive/accept',
  'sql/scanner',
  'nightly/running',
  'guard/restore-tests',
  'restore/own-database',
  'wal/log',
  'bin/build',
  'stack/offsite-archive',
  'faults/agent-output',
  'faults/agent-interrupted',
  'sql/join-scans',
  'faults/agent-state',
  'faults/fuzz',
  'bin/guard',
  'import/import',
  'retention/log',
  'faults/pg-dump-dies',
  'bin/init',
  'guard/guard',
  'retention/retention-and-watch',
].map((name) => `/test/${name}.test.ts`);

/** Files with a process of their own. All others share one, which is a second of the processor and more for each. */
const alone = [
  'test/**/*.{browser,ceph,docker}.test.ts',
  // They look at their own process: its memory, its timers, what it has open, programs that it found or did not.
  'test/base/process.test.ts',
  'test/faults/{fuzz,pg-dump-stalls}.test.ts',
  'test/gzip/{compressor,inflate-members}.test.ts',
  'test/nightly/host.test.ts',
  'test/postgres/{programs,throwaway}.test.ts',
  'test/restore-test/hostile.test.ts',
  'test/sql/scanner.test.ts',
  // What a second more is little to, and whose memory is given back: all that run starts its programs sooner.
  'test/bin/{offsite,restore-test,restore-test-cli}.test.ts',
  'test/recovery-point/drill.test.ts',
  'test/rehearsal/{ranges,rehearse}.test.ts',
  'test/restore/{adversary,in-place,order,own-database,restore}.test.ts',
  'test/restore-test/{drills,restore-test,shapes}.test.ts',
  'test/sql/restorable.real.test.ts',
  // It changes what others of its process would see.
  'test/stack/nag.test.ts',
];

/** Files that share a process, and each has modules of its own: handlers read their environment once, as Lambda starts them. */
const fresh = [
  'test/lambda/**/*.test.ts',
  'test/mail/{by-the-hour,recipients}.test.ts',
  'test/rehearsal/**/*.test.ts',
  'test/restore-task/{build-image,launcher}.test.ts',
  'test/retention/{lock,log,renewal}.test.ts',
  'test/sidecar/sidecar.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(name));
      if (at >= 0) return at;
      return longest.length;
    };
    // Those of a project one after the other, or their process is not kept.
    const turn = ({ project }: TestSpecification) => ['own', 'shared', 'fresh'].indexOf(project.name);
    return (await super.sort(files)).sort((one, other) => turn(one) - turn(other) || rank(one) - rank(other));
  }
}

// Tests start real servers and real child processes: generous limits. Two files more at once than there are cores: each waits
// now and then, for a store that does not answer or a dump that stalls.
const common = {
  testTimeout: 180_000,
  hookTimeout: 300_000,
  maxWorkers: 4,
  // A heap that begins small is looked through again and again while it grows: a tenth of what a file's process takes.
  execArgv: ['--min-semi-space-size=16', '--initial-old-space-size=256'],
};

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
          exclude: [...alone, ...fresh],
          isolate: false,
          setupFiles: './test/fixtures/as-found.ts',
        },
      },
      {
        test: {
          ...common,
          name: 'fresh',
          include: fresh,
          exclude: alone,
          isolate: false,
          setupFiles: ['./test/fixtures/as-found.ts', './test/fixtures/as-started.ts'],
        },
      },
      { test: { ...common, name: 'own', include: alone } },
    ],
  },
});
