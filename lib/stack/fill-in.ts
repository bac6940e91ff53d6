// A template's intrinsics as texts of the length that a deployment gives them: what AWS counts is what stands there then.

/** By their logical ids. */
export type Resources = Readonly<
  Record<string, { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> }>
>;

/** Puts a text of the length that it will have in the place of each intrinsic. */
export function createFiller(resources: Resources, stackName: string) {
  /** `<stack>-<logical id>-<13 characters>`, cut to what most services take as a name. */
  const nameOf = (logicalId: string) => `${stackName}-${logicalId}-${'x'.repeat(13)}`.slice(0, 63);
  const reference = (name: string): string => {
    if (name in pseudo) return pseudo[name] ?? '';
    // The Ref of these is their ARN or an address, and longer than their name.
    const isLong = /::(Topic|ManagedPolicy|StateMachine|Queue|TaskDefinition)$/.test(
      resources[name]?.Type ?? '',
    );
    return isLong ? arn + nameOf(name) : nameOf(name);
  };
  const attribute = (logicalId: string, name: string): string => {
    if (!name.endsWith('Arn')) return nameOf(logicalId);
    return (resources[logicalId]?.Type === 'AWS::S3::Bucket' ? 'arn:aws:s3:::' : arn) + nameOf(logicalId);
  };
  const fillIn = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fillIn);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [[name, argument] = ['', undefined]] = entries;
    if (entries.length > 1 || !/^(Ref|Fn::\w+)$/.test(name)) {
      return Object.fromEntries(entries.map(([key, item]) => [key, fillIn(item)]));
    }
    if (name === 'Ref') return reference(String(argument));
    if (name === 'Fn::GetAtt') {
      const [logicalId = '', ...rest] = Array.isArray(argument) ? argument : String(argument).split('.');
      return attribute(String(logicalId), rest.join('.'));
    }
    if (name === 'Fn::Join') {
      const [separator, items] = argument as [string, unknown];
      return Array.isArray(items) ? items.map(fillIn).join(separator) : nameOf('');
    }
    return nameOf('');
  };
  return fillIn;
}

/** The longest names there are. */
const region = 'ap-southeast-1';
const arn = `arn:aws:service:${region}:123456789012:resource/`;
const pseudo: Readonly<Record<string, string>> = {
  'AWS::Region': region,
  'AWS::AccountId': '123456789012',
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
};
