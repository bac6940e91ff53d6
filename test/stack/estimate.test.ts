// What offsite estimate reckons with is what the template makes: more of anything that is paid must show in it.

import { describe, expect, test } from 'vitest';
import { metrics } from '../../lib/deployment/metrics.ts';
import { handlerMb, inCloudWatch, interfaceEndpoints } from '../../lib/estimate/monthly.ts';
import { synthesize } from './synthesized.ts';

const { resources, byName } = synthesize();

describe('the estimate reckons with the template', () => {
  const ofType = (type: string) => Object.values(resources).filter(({ Type }) => Type === type);

  test.each([
    ['Verify', handlerMb.verify],
    ['Watch', handlerMb.watch],
    ['Expire', handlerMb.expire],
  ])('memory of %s', (name, mb) => {
    expect(byName('AWS::Lambda::Function', `Handlers${name}Function`).properties.MemorySize).toBe(mb);
  });

  test('alarms, dashboards and metrics, as many as there are', () => {
    expect(ofType('AWS::CloudWatch::Alarm')).toHaveLength(inCloudWatch.lean.alarms);
    expect(ofType('AWS::CloudWatch::Dashboard')).toEqual([]);
    const full = synthesize({ monitoring: 'full' });
    const { alarms, dashboards, hourlyMetrics, nightlyMetrics, logMetrics } = inCloudWatch.fullBesides;
    full.template.resourceCountIs('AWS::CloudWatch::Alarm', inCloudWatch.lean.alarms + alarms);
    full.template.resourceCountIs('AWS::CloudWatch::Dashboard', dashboards);
    // Each once for the source but the lost tests, which come once in a while; five of them for the worst, too.
    expect(hourlyMetrics + nightlyMetrics + logMetrics).toBe(Object.keys(metrics).length - 1 + 5);
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
    const { resources: isolated } = synthesize({ restoreTestNetwork: 'endpoints' });
    const interfaces = Object.values(isolated).filter(
      ({ Type, Properties }) =>
        Type === 'AWS::EC2::VPCEndpoint' && String(Properties.VpcEndpointType) === 'Interface',
    );
    const zones = interfaces.flatMap(({ Properties }) => Properties.SubnetIds as unknown as unknown[]);
    expect(interfaces).toHaveLength(interfaceEndpoints);
    expect(zones).toHaveLength(interfaceEndpoints);
  });
});
