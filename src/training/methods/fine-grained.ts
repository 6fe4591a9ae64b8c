/**
 * Fine-grained AdvProp (Xie et al. 2020, https://arxiv.org/abs/1911.09665): separate batch norms for each distribution of images, such
 * as plain, AutoAugment-ed and adversarial ones.
 */
import { assert } from "../../errors.js";
import { ATTACK, MAIN_ROUTE, TRAIN } from "../../nn/context.js";
import { cleanImages, cleanLossOf } from "./mixing.js";
import { type RouteFeeds, viewsOf } from "./routes.js";
import type { AttackStepParts, Batch, StepLosses } from "./step.js";

/**
 * One step: adds the gradient of the sum over routes of weight * mean loss(images of the route, route) to the store. The images of an
 * attacked route are attacked through that route's norms, which the passes of other routes do not change.
 *
 * @param routes the routes; the batch has the views of {@link viewsOf}, in that order
 * @returns      the loss of each route by name
 */
export function fineGrainedStep(
  {
    model,
    attack,
    attackContext = ATTACK,
    gradients,
    labelSmoothing,
    adversarialLabelSmoothing = labelSmoothing,
    recompute,
  }: AttackStepParts,
  routes: RouteFeeds,
  batch: Batch,
): StepLosses {
  const { images, moreViews = [], labels, keys } = batch;
  const sources = viewsOf(routes);
  const views = [images, ...moreViews];
  assert(views.length === sources.length, "the loader gives other views than the routes take");
  const losses = Object.entries(routes).map(([route, { source, attacked, weight }]) => {
    const view = views[sources.indexOf(source)];
    // Mixup and CutMix apply only to the main route, if it is clean.
    const mix = route === MAIN_ROUTE && !attacked ? batch.mix : undefined;
    const x = attacked
      ? attack.perturb((pixels) => model.forward(pixels, { ...attackContext, route, keys }), view, labels, keys)
      : cleanImages({ images: view, mix });
    const logits = model.forward(x, { ...TRAIN, recompute, route, keys });
    const smoothing = attacked ? adversarialLabelSmoothing : labelSmoothing;
    return [`${route}Loss`, gradients.add(cleanLossOf(logits, { labels, mix }, smoothing), weight)] as const;
  });
  return Object.fromEntries(losses);
}
