/** The second-order shift h (docs/tail.md#bias); `mMin` comes as a parameter. */
export const shiftFunction = `
fn shift(tau: f32, mass: f32) -> f32 {
  let m = max(mass, p.m_min);
  return select(sqrt(2.0 * m * tau) - m, 0.5 * tau, tau <= 2.0 * m);
}`;
