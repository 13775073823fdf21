"""Renders scenes of words.py: a small analytic ray tracer in torch, for any device. Vectors are triples of tensors, so that a compiler fuses everything."""
import math

import torch

from words import CAMERAS, FIELDS, MOTIONS, SKIES

FRAMES, HEIGHT, WIDTH = 33, 96, 160
FAR = 1e6

COLOR = [(0.85, 0.10, 0.08), (0.10, 0.62, 0.18), (0.10, 0.25, 0.88), (0.96, 0.84, 0.10), (0.96, 0.46, 0.04), (0.48, 0.14, 0.70), (0.94, 0.94, 0.94), (0.96, 0.45, 0.66)]
FLOOR = [(0.50, 0.50, 0.52), (0.50, 0.33, 0.20), (0.28, 0.56, 0.26), (0.88, 0.88, 0.85), (0.26, 0.40, 0.66)]
#       horizon, zenith, light, ambient, direction of the light, glow in the sky: direction, colour
SKY = [
    ((0.76, 0.88, 0.98), (0.25, 0.50, 0.90), (1.00, 0.98, 0.92), 0.40, (0.45, 1.0, 0.55), (0.5, 0.9, -0.6), (0.10, 0.10, 0.06)),
    ((0.98, 0.64, 0.34), (0.42, 0.28, 0.52), (1.00, 0.80, 0.60), 0.36, (1.0, 0.60, 0.45), (0.45, 0.10, -1.0), (0.35, 0.22, 0.06)),
    ((0.16, 0.18, 0.32), (0.03, 0.04, 0.12), (0.80, 0.84, 1.00), 0.40, (-0.5, 0.9, 0.6), (-0.40, 0.36, -1.0), (0.50, 0.52, 0.56)),
    ((0.80, 0.82, 0.84), (0.56, 0.60, 0.65), (0.72, 0.72, 0.72), 0.58, (-0.2, 1.0, 0.3), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)),
]


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def add(a, b, k=1.0):
    return tuple(x + k * y for x, y in zip(a, b))


def mix(a, b, k):
    return tuple(x + (y - x) * k for x, y in zip(a, b))


def unit(a):
    k = torch.rsqrt(dot(a, a) + 1e-12)
    return tuple(x * k for x in a)


def turn(p, angle):
    """Rotation about the vertical axis."""
    c, s = angle.cos(), angle.sin()
    return c * p[0] + s * p[2], p[1], c * p[2] - s * p[0]


def ball(o, d, c, r):
    """Distance along unit rays to balls (FAR where missed), and the normal there."""
    oc = add(o, c, -1)
    b = dot(oc, d)
    h = b * b - dot(oc, oc) + r * r
    t = -b - h.clamp(min=0).sqrt()
    t = torch.where((h > 0) & (t > 1e-3), t, FAR)
    return t, tuple((x + y * t) / r for x, y in zip(oc, d))


def cube(o, d, c, half, angle):
    lo, ld = turn(add(o, c, -1), angle), turn(d, angle)
    near, far = [], []
    for a, b in zip(lo, ld):
        inverse = 1 / torch.where(b.abs() < 1e-6, 1e-6, b)
        near.append(-a * inverse - inverse.abs() * half)
        far.append(-a * inverse + inverse.abs() * half)
    tn = torch.maximum(torch.maximum(near[0], near[1]), near[2])
    tf = torch.minimum(torch.minimum(far[0], far[1]), far[2])
    normal = turn(tuple(torch.where(n >= tn, -torch.sign(b), 0.0) for n, b in zip(near, ld)), -angle)
    return torch.where((tn < tf) & (tn > 1e-3), tn, FAR), normal


def cylinder(o, d, c, r, half):
    x, y, z = add(o, c, -1)
    a = (d[0] * d[0] + d[2] * d[2]).clamp(min=1e-8)
    b = x * d[0] + z * d[2]
    h = b * b - a * (x * x + z * z - r * r)
    side = (-b - h.clamp(min=0).sqrt()) / a
    side = torch.where((h > 0) & (side > 1e-3) & ((y + side * d[1]).abs() <= half), side, FAR)
    dy = torch.where(d[1].abs() < 1e-6, 1e-6, d[1])
    cap = (-torch.sign(dy) * half - y) / dy
    ex, ez = x + cap * d[0], z + cap * d[2]
    cap = torch.where((cap > 1e-3) & (ex * ex + ez * ez <= r * r), cap, FAR)
    on_side = side < cap
    normal = (torch.where(on_side, (x + side * d[0]) / r, 0.0), torch.where(on_side, 0.0, -torch.sign(dy)), torch.where(on_side, (z + side * d[2]) / r, 0.0))
    return torch.minimum(side, cap), normal


def solid(shape, o, d, c, r, angle):
    """One object of any shape: a cube a little smaller than the ball around it, a slim cylinder."""
    tb, nb = ball(o, d, c, r)
    tc, nc = cube(o, d, c, r * 0.9, angle)
    ty, ny = cylinder(o, d, c, r * 0.75, r)
    is_cube, is_cylinder = shape == 1, shape == 2
    pick = lambda a, b, e: torch.where(is_cube, b, torch.where(is_cylinder, e, a))
    return pick(tb, tc, ty), tuple(pick(a, b, e) for a, b, e in zip(nb, nc, ny))


def motion_of(p, u):
    """Centre, size, turn about the vertical and roll (about the view axis) of the first object at time u in 0..1."""
    is_ = lambda name: (p["motion"] == MOTIONS.index(name)).float()
    left, right, circling, falling = is_("moving left"), is_("moving right"), is_("circling"), is_("falling")
    radius = p["size"] * (1 + (is_("growing") - is_("shrinking")) * 1.1 * (u - 0.5))
    cycle = (p["rate"] * u + p["phase"]) % 1.0
    down, rebound = (1.45 * u).clamp(max=1), ((u - 0.69) / 0.31).clamp(min=0)
    lift = is_("bouncing") * 5.0 * cycle * (1 - cycle) + is_("floating up") * 1.9 * u
    lift = lift + falling * (2.3 * (1 - down * down) + 1.6 * rebound * (1 - rebound))
    slide = (right - left) * (3.2 * u - 1.6)
    around = 6.2832 * (u + p["phase"])
    x = p["x"] * (1 - left - right - circling) + slide + circling * 1.15 * around.cos()
    z = p["z"] * (1 - circling) + circling * around.sin()
    angle = 3.77 * p["phase"] + is_("spinning") * 6.2832 * u - circling * 6.2832 * u
    half = torch.where(p["shape"] == 1, radius * 0.9, radius)
    rolls = (p["shape"] == 0).float()
    return (x, half + lift, z), radius, angle, -rolls * slide / radius


def camera_of(p, u):
    """Where the camera is and its three axes."""
    cam = lambda name: (p["camera"] == CAMERAS.index(f"the camera {name}")).float()
    orbit = p["orbit"] + cam("orbits") * (u - 0.5) * 1.5
    distance = 5.2 - cam("zooms in") * 1.9 * u - cam("zooms out") * 1.9 * (1 - u)
    eye = (distance * orbit.sin(), 1.75 + 0 * distance, distance * orbit.cos())
    forward = turn(unit((-eye[0], 0.75 - eye[1], -eye[2])), (cam("pans left") - cam("pans right")) * (u - 0.5) * 0.6)
    right = unit((-forward[2], 0 * forward[0], forward[0]))
    up = (right[1] * forward[2] - right[2] * forward[1], right[2] * forward[0] - right[0] * forward[2], right[0] * forward[1] - right[1] * forward[0])
    return eye, forward, right, up


def floor_pattern(p, hit, t, d):
    """Darkness 0..1 of the pattern; fades where a pixel covers more than a part of it, so that nothing flickers at the horizon."""
    c, s = p["turn"].cos(), p["turn"].sin()
    fx, fz = hit[0] * c + hit[2] * s, hit[2] * c - hit[0] * s
    wave = lambda v: (torch.sin(v * math.pi / 0.9) * 5).clamp(-1, 1)
    line = lambda v: 1 - ((((v / 0.9) % 1 - 0.5).abs() - 0.42).clamp(min=0) / 0.08)
    wx, wz = wave(fx), wave(fz)
    shade = torch.where(p["pattern"] == 1, 0.5 + 0.5 * wx * wz, torch.where(p["pattern"] == 2, 0.5 + 0.5 * wx, torch.where(p["pattern"] == 3, 1 - line(fx) * line(fz), 0.0)))
    footprint = 0.008 * t / d[1].abs().clamp(min=1e-3).sqrt()
    keep = torch.exp(-((footprint / 0.28) ** 2))
    mean = torch.where(p["pattern"] == 3, 0.16, torch.where(p["pattern"] == 0, 0.0, 0.5))
    return mean + (shade - mean) * keep


def trace(p, tables, u, xs, ys):
    """Colours of rays: p holds [n,1,1,1] tensors, u is [1,frames,1,1], xs and ys are picture coordinates."""
    color, color2, floor_color, horizon, zenith, light, sun, glow_at, glow, ambient = tables
    c1, r1, angle, roll = motion_of(p, u)
    r2, angle2 = p["size2"], 0.5 + 0 * p["size2"]
    c2 = (p["x2"], torch.where(p["shape2"] == 1, r2 * 0.9, r2), p["z2"])
    shown = p["second"] > 0.5
    eye, forward, right, up = camera_of(p, u)
    d = unit(tuple(f + 0.78 * (a * xs + b * ys) for f, a, b in zip(forward, right, up)))
    t1, n1 = solid(p["shape"], eye, d, c1, r1, angle)
    t2, n2 = solid(p["shape2"], eye, d, c2, r2, angle2)
    t2 = torch.where(shown, t2, FAR)
    tf = torch.where(d[1] < -1e-4, -eye[1] / d[1].clamp(max=-1e-4), FAR)
    t = torch.minimum(torch.minimum(t1, t2), tf).clamp(max=150)
    first, second = (t1 <= t) & (t1 < FAR), (t2 <= t) & (t2 < t1)
    hit = add(eye, d, t)

    # The sky, with a glow where sun or moon stand and soft clouds on cloudy days.
    height = (d[1].clamp(min=0) * 1.6).clamp(max=1)
    sky = mix(horizon, zenith, height)
    shine = dot(d, glow_at).clamp(min=0)
    cloudy = (p["sky"] == SKIES.index("on a cloudy day")).float()
    clouds = cloudy * 0.05 * torch.sin(7 * d[0] + 2 * p["phase"]) * torch.sin(14 * d[1] + 3 * d[0]) * height.sqrt()
    halo = 0.6 * shine**40 + 1.2 * ((shine - 0.9955) * 900).clamp(0, 1) * (p["sky"] == SKIES.index("at night")).float()
    sky = tuple(s + g * halo + clouds for s, g in zip(sky, glow))

    # Surface colours: a striped object turns and rolls with its stripes.
    local = turn(add(hit, c1, -1), angle)
    cr, sr = roll.cos(), roll.sin()
    lx, ly = cr * local[0] + sr * local[1], cr * local[1] - sr * local[0]
    stripes = torch.where(p["shape"] == 0, torch.cos(4 * torch.atan2(local[2], lx + 1e-6 * ly) + 0 * ly), torch.sin(9.5 * lx / r1))
    stripes = torch.where((p["shape"] == 0) & (roll != 0), torch.cos(4 * torch.atan2(ly, lx)), stripes)
    stripes = torch.where(p["shape"] == 2, torch.cos(4 * torch.atan2(local[2], local[0])), stripes)
    band = ((stripes * 4).clamp(-1, 1) * 0.5 + 0.5) * p["striped"]
    # White on white would show no stripes: a white object has dark ones.
    other = torch.where(p["color"] == 6, 0.15, 0.95)
    dark = 1 - 0.55 * floor_pattern(p, hit, t, d)
    albedo = tuple(torch.where(first, a * (1 - band) + other * band, torch.where(second, b, f * dark)) for a, b, f in zip(color, color2, floor_color))
    normal = tuple(torch.where(first, a, torch.where(second, b, g)) for a, b, g in zip(n1, n2, (0.0, 1.0, 0.0)))

    # Light: one sun with hard shadows, sky light, and darkness where objects touch the floor.
    o = add(hit, normal, 2e-3)
    s1, _ = solid(p["shape"], o, sun, c1, r1, angle)
    s2, _ = solid(p["shape2"], o, sun, c2, r2, angle2)
    lit = torch.where((s1 < FAR) | ((s2 < FAR) & shown), 0.0, 1.0)
    object_ = first | second
    near = lambda c, r: torch.exp(-((hit[0] - c[0]) ** 2 + (hit[2] - c[2]) ** 2) / (r * r)) * torch.exp(-((c[1] - r).clamp(min=0)) * 2.5)
    contact = torch.where(object_, 1.0, 1 - 0.45 * near(c1, r1) - torch.where(shown, 0.45 * near(c2, r2), 0.0))
    diffuse = dot(normal, sun).clamp(min=0) * lit
    half = unit(add(sun, d, -1))
    gloss = torch.where(object_, lit * 0.5 * dot(normal, half).clamp(min=0) ** 40, 0.0)
    base = ambient * (0.72 + 0.28 * normal[1]) * contact
    shaded = tuple(a * (base * (0.5 + 0.5 * h) + 0.85 * diffuse * l) + gloss * l for a, h, l in zip(albedo, horizon, light))
    fog = torch.exp(-0.035 * t)
    ground = object_ | (tf < 150)
    return tuple(torch.where(ground, h + (c - h) * fog, s).clamp(0, 1) for c, h, s in zip(shaded, horizon, sky))


_trace = trace


def compile_renderer():
    """Fuses the renderer (worth it on a GPU from a few hundred clips on)."""
    global _trace
    _trace = torch.compile(trace, dynamic=False)


def render(rows: torch.Tensor, frames: int = FRAMES, height: int = HEIGHT, width: int = WIDTH, samples: int = 2) -> torch.Tensor:
    """rows [n, fields] on any device -> video [n, 3, frames, height, width] in -1..1, samples x samples rays a pixel."""
    device, n = rows.device, len(rows)
    p = {name: rows[:, i].view(n, 1, 1, 1) for i, name in enumerate(FIELDS)}

    def look(table, index):
        values = torch.tensor(table, device=device)[index.flatten().long()]
        return tuple(values[:, i].view(n, 1, 1, 1) for i in range(values.shape[1]))

    sky = lambda column: look([row[column] for row in SKY], p["sky"])
    tables = (look(COLOR, p["color"]), look(COLOR, p["color2"]), look(FLOOR, p["floor"]), sky(0), sky(1), sky(2), unit(sky(4)), unit(sky(5)), sky(6),
              look([[row[3]] for row in SKY], p["sky"])[0])
    u = torch.linspace(0, 1, frames, device=device).view(1, -1, 1, 1)
    total = 0
    for j in range(samples):
        for i in range(samples):
            ys = 0.5 - (torch.arange(height, device=device) + (j + 0.5) / samples) / height
            xs = ((torch.arange(width, device=device) + (i + 0.5) / samples) / width - 0.5) * (width / height)
            total = total + torch.stack(_trace(p, tables, u, xs.view(1, 1, 1, -1), ys.view(1, 1, -1, 1)), 1)
    return total * (2 / samples**2) - 1


def render_many(rows: torch.Tensor, chunk: int = 16, dtype=torch.float32) -> torch.Tensor:
    """The same for many scenes, a chunk at a time; the number of scenes must be a multiple of the chunk."""
    return torch.cat([render(rows[i : i + chunk]).to(dtype) for i in range(0, len(rows), chunk)])
