// For whoever builds the restore test's image by hand: the program that goes into it. `cdk deploy` makes it by itself.

import { join } from 'node:path';
import { optionsOf, script } from '../lib/base/script.ts';
import { bundleRestoreProgram } from '../lib/stack/programs/restore-program.ts';

optionsOf(script('npm run restore-program', 'Makes dist/restore-test.cjs, which goes into its image.'));
bundleRestoreProgram(join(import.meta.dirname, '..', 'dist', 'restore-test.cjs'));
