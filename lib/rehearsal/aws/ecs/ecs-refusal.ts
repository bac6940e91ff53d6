/** A refusal, as ECS names it. */
export class EcsRefusal extends Error {
  override readonly name: 'ClientException' | 'ClusterNotFoundException' | 'InvalidParameterException';

  constructor(type: EcsRefusal['name'], message: string) {
    super(message);
    this.name = type;
  }
}
