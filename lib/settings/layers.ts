// Settings of several places, each over the one before.

/** Settings as they come from one place, before they are checked. */
export type RawSettings = { readonly [key: string]: unknown; readonly dump?: unknown };

/** `['dump', 'url']` */
export type SettingPath = readonly PropertyKey[];

export type Layer = {
  readonly settings: RawSettings;
  /** Where one of them was said: `OFFSITE_BUCKET`, `/etc/offsite/config.yaml:3:1`. */
  originOf(path: SettingPath): string;
};

export function mergeLayers(layers: readonly Layer[]): RawSettings {
  return layers.map(({ settings }) => settings).reduce(mergeSettings, {});
}

/** Where a setting was said: in the last layer that says it; `undefined` where none does. */
export function originOf(layers: readonly Layer[], path: SettingPath): string | undefined {
  return layers.findLast(({ settings }) => valueAt(settings, path) !== undefined)?.originOf(path);
}

/** What stands at a path; `undefined` where nothing does. */
export function valueAt(settings: unknown, path: SettingPath): unknown {
  return path.reduce<unknown>(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key as string] : undefined),
    settings,
  );
}

function mergeSettings(below: RawSettings, above: RawSettings): RawSettings {
  const one = below.dump;
  const other = above.dump;
  const sameWay = isObject(one) && isObject(other) && (one.via === other.via || other.via === undefined);
  const guard = isObject(below.guard) && isObject(above.guard) && { ...below.guard, ...above.guard };
  return { ...below, ...above, ...(sameWay ? { dump: { ...one, ...other } } : {}), ...(guard && { guard }) };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
