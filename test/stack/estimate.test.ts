// What offsite estimate reckons with is what the template makes: more of anything that is paid must show in it.

import { afterAll, describe, expect, test } from 'vitest';
import { handlerMb, inCloudWatch, interfaceEndpoints } from '../../lib/estimate/monthly.ts';
import { synthesize } from './synthesized.ts';

const { resources, byName, dispose } = synthesize();

afterAll(dispose);

describe('the estimate reckons with the template', () => {
  const ofType = (type: string) => Object.values(resources).filter(({ Type }) => Type === type);

  test.each([
    ['Verify', handlerMb.verify],
    ['Watch', handlerMb.watch],
    ['Expire', handlerMb.expire],
  ])('memory of %s', (name, mb) => {
    expect(byName('AWS::Lambda::Function', `Handlers${name}Function`).properties.MemorySize).toBe(mb);
  });

  test('alarms and dashboards, at least as many as there are', () => {
    // The estimate is for one source; the template has two.
    const ofOne = ofType('AWS::CloudWatch::Alarm').filter(
      (alarm) => !JSON.stringify(alarm).includes('attic'),
    );
    expect(ofOne.length).toBeLessThanOrEqual(inCloudWatch.alarms);
    expect(ofType('AWS::CloudWatch::Dashboard').length).toBeLessThanOrEqual(inCloudWatch.dashboards);
  });

  test('nothing else that is paid by the hour', () => {
    const hourly =
      /^AWS::(EC2::(NatGateway|EIP|Instance|Volume)|ElasticLoadBalancing.*|RDS::.*|ECS::Service|ACMPCA::.*|Kinesis.*)$/;
    const types = Object.values(resources).map(({ Type }) => Type);
    expect(types.filter((type) => hourly.test(type))).toEqual([]);
    const endpoints = ofType('AWS::EC2::VPCEndpoint').map(({ Properties }) => Properties.VpcEndpointType);
    expect(new Set(endpoints)).toEqual(new Set(['Gateway']));
  });

  test('endpoints, where they are asked for, each in one zone', () => {
    const { resources: isolated, dispose: disposeIsolated } = synthesize({ restoreTestNetwork: 'endpoints' });
    disposeIsolated();
    const interfaces = Object.values(isolated).filter(
      ({ Type, Properties }) =>
        Type === 'AWS::EC2::VPCEndpoint' && String(Properties.VpcEndpointType) === 'Interface',
    );
    const zones = interfaces.flatMap(({ Properties }) => Properties.SubnetIds as unknown as unknown[]);
    expect(interfaces).toHaveLength(interfaceEndpoints);
    expect(zones).toHaveLength(interfaceEndpoints);
  });
});
