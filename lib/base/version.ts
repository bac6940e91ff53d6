// Read from package.json, so that there is one place; the bundler inlines it.
import manifest from '../../package.json' with { type: 'json' };

export const toolVersion: string = manifest.version;
