"""A straight line from 0 to 1.

Bowman et al., "Generating Sentences from a Continuous Space", 2016, https://arxiv.org/abs/1511.06349 (section 3.1:
the weight of the KL divergence grows, so that the latent code is used before it is paid for).
"""


def linear_ramp(step: int, ramp_steps: int) -> float:
    """Factor at a step, in [0, 1]: 0 at step 0, 1 from ``ramp_steps`` on; always 1 without a ramp.

    Args:
        step: steps done, from 0.
        ramp_steps: length of the ramp; 0 for none.

    Example:
        >>> [linear_ramp(step, 4) for step in range(6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return 1.0 if step >= ramp_steps else step / ramp_steps
