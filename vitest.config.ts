import { availableParallelism, totalmem } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Two thirds of the suite's time, the longest first: no core waits for the last of them at the end. */
const longest = [
  'recovery-point/drill',
  'rehearsal/rehearse',
  'bin/restore-test.docker',
  'bin/offsite.docker',
  'bin/recover.docker',
  'guard/drills.moto',
  'bin/offsite',
  'stack/deploy',
  'install',
  'restore/in-place',
  'restore-test/drills',
  'restore/order',
  'faults/pg-dump-stalls',
  'sql/restorable.real',
  'restore-test/shapes',
  'restore-test/restore-test',
  'majors',
  'bin/restore-test',
  'page/page.browser',
  'wal/receive',
  'restore-by-hand',
  'faults/agent-ends',
  'bin/packages',
  'bin/restore-test-cli',
  'bin/package',
  'bin/before-upgrade',
  'retention/undo',
  'stack/offsite-stack',
  'bin/stack',
  'wal/log',
  'guard/guard',
  'guard/restore-tests',
  'nightly/running',
  'bin/build',
  'restore/own-database',
  'faults/fuzz',
  'archive/accept',
  'faults/pg-dump-dies',
  'doctor/doctor',
  'stack/offsite-archive',
  'sql/scanner',
  'restore/restore',
  'faults/agent-interrupted',
  'bin/install',
  'gzip/compressor',
  'faults/agent-output',
  'retention/log',
  'sidecar/sidecar',
  'retention/renewal',
  'lambda/too-much',
  'lambda/events',
  'rehearsal/stage/unpacked-postgres',
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
  // What it parses stays in the commands.
  'test/bin/docs.test.ts',
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

// Each file waits for more than half of its time, for a store that does not answer or a dump that stalls; with its servers each takes
// up to 2 GiB. Six on two cores took as long as four (632 s of 610 to 641).
const atOnce = Math.max(2, Math.min(2 * availableParallelism(), 8, Math.floor(totalmem() / 2 ** 31)));

// Tests start real servers and real child processes: generous limits.
const common = {
  testTimeout: 180_000,
  hookTimeout: 300_000,
  maxWorkers: atOnce,
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
