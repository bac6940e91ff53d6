import { describe, expect, it } from 'vitest';
import { parseSettings } from '../../lib/settings/config.ts';
import { layersOf } from '../fixtures/layers.ts';

const parse = (settings: object) => () =>
  parseSettings(layersOf([{ bucket: 'vault', ...settings }]), 'a test');
const container = (name: string) => ({ dump: { via: 'container', container: name } });
const command = (...words: string[]) => ({ dump: { via: 'command', command: words } });
const sidecar = (path: string) => ({ sidecar: { path } });

describe('settings that name what comes back by itself', () => {
  it.each<[string, object, string]>([
    ["Prometheus' container", container('bitagent-prometheus'), 'Prometheus'],
    ["Prometheus' folder", command('tar', 'c', '/var/lib/prometheus'), 'Prometheus'],
    [
      "Prometheus' volume",
      command('docker', 'run', '-v', 'prometheus-data:/data', 'alpine', 'tar', 'c', '/data'),
      'Prometheus',
    ],
    [
      'its place on the host',
      sidecar('/var/lib/docker/volumes/bitagent_prometheus_data/_data'),
      'Prometheus',
    ],
    ['a log', sidecar('/var/log/bitagent/bitagent.log'), 'a log'],
    ["a container's log", command('cat', '/var/lib/docker/containers/abc/abc-json.log'), 'a log'],
    [
      'a volume of logs',
      command('sh', '-c', 'docker run -v bitagent_logs:/logs alpine tar c /logs'),
      'a log',
    ],
    ['posters', sidecar('/srv/bitagent/posters/cache.db'), 'posters'],
    ["TMDB's cache", command('bash', '-c', "pg_dump x; tar c '/data/tmdb-cache'"), 'posters'],
    ['the routing table', sidecar('/data/dht/nodes.db'), 'DHT'],
  ])('%s: refused, with the reason', (_, settings, said) => {
    expect(parse(settings)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        exitCode: 2,
        found: expect.stringMatching(new RegExp(`${said}.*which is not backed up: `)),
      }),
    );
  });

  it.each<[string, object]>([
    ["BitAgent's own", container('bitagent-postgres')],
    ['a name that only sounds so', container('blog-catalog-db')],
    ['the sidecar', sidecar('/var/lib/docker/volumes/bitagent_ui/_data/bitagent-ui.db')],
    ['a command', command('ssh', 'db', 'pg_dump', '--exclude-table=logs', 'bitmagnet')],
    [
      'its own log',
      command('bash', '-c', 'pg_dump bitmagnet 2>> /var/log/dump.log | tee -a /var/log/copy.log'),
    ],
    ['a socket', command('pg_dump', '-h', '/var/run/postgresql', 'bitmagnet')],
    ['a URL', command('pg_dump', 'postgres://dht.example/posters')],
    [
      'Compose beside Prometheus',
      command('docker', 'compose', '-f', '/opt/prometheus/compose.yaml', 'exec', 'db', 'pg_dump'),
    ],
    ['the metrics’ own place', { metricsFile: '/var/lib/prometheus/node-exporter/offsite.prom' }],
  ])('%s: taken', (_, settings) => expect(parse(settings)).not.toThrow());
});
