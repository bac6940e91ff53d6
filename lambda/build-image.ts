import { imageBuild } from '../lib/deployment/environment.ts';
import { buildImage, imageRequestSchema } from '../lib/restore-task/build-image.ts';
import { chain, logger } from './chain.ts';

/** Builds the restore test's image while the stack is deployed; asked by CloudFormation, which waits for its answer. */
export const handler = chain(imageRequestSchema, async (request) => {
  const withinMs = (imageBuild.minutes + 1) * 60_000;
  const fault = await buildImage(request, { withinMs, pauseMs: 5000 });
  logger.info('asked for an image', {
    request: request.RequestType,
    tag: request.ResourceProperties.tag,
    fault,
  });
});
