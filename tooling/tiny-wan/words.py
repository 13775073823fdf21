"""What a clip can show, and the words that say it.

draw(n, seed) gives captions and scenes; a scene is a row of numbers named by FIELDS. Indices point into the lists below, the rest is jitter that the
caption does not mention. Every list is drawn evenly, so that no word is rarer than its neighbours.
"""
import math
import random

SHAPES = ["ball", "cube", "cylinder"]
COLORS = ["red", "green", "blue", "yellow", "orange", "purple", "white", "pink"]
FLOORS = ["gray", "brown", "green", "white", "blue"]
PATTERNS = ["plain", "checkered", "striped", "tiled"]
SKIES = ["at noon", "at sunset", "at night", "on a cloudy day"]
MOTIONS = ["bouncing", "moving left", "moving right", "circling", "spinning", "floating up", "falling", "growing", "shrinking", "standing still"]
CAMERAS = ["", "the camera pans left", "the camera pans right", "the camera zooms in", "the camera zooms out", "the camera orbits"]
SIDES = ["left", "right"]

# Other ways to say the same thing; the first list entry of each attribute stays the canonical word.
OTHER = {
    "ball": ["sphere"], "cube": ["box", "block"], "cylinder": ["column"], "gray": ["grey"], "purple": ["violet"], "plain": [""],
    "checkered": ["checkerboard", "chequered"], "tiled": ["tile"], "striped": ["stripy"],
    "at noon": ["on a sunny day", "in bright sunlight", "in daylight"], "at sunset": ["in the evening", "at dusk"], "at night": ["in the moonlight", "in the dark"],
    "on a cloudy day": ["under a cloudy sky", "in gray weather"],
    "bouncing": ["bounces", "is bouncing", "jumping", "hops up and down"], "moving left": ["moves left", "moving to the left", "rolls to the left", "slides left"],
    "moving right": ["moves right", "moving to the right", "rolls to the right", "slides right"], "circling": ["circles", "going around in a circle", "is circling"],
    "spinning": ["spins", "rotating", "is spinning", "turns around itself"], "floating up": ["floats up", "rising", "rises into the air"],
    "falling": ["falls", "is falling", "dropping from above", "falls down"], "growing": ["grows", "getting bigger", "is growing"],
    "shrinking": ["shrinks", "getting smaller", "is shrinking"], "standing still": ["", "stands still", "resting", "that does not move"],
    "the camera pans left": ["camera pans left", "the camera turns left", "panning left"], "the camera pans right": ["camera pans right", "the camera turns right", "panning right"],
    "the camera zooms in": ["camera zooms in", "the camera moves closer", "zooming in"], "the camera zooms out": ["camera zooms out", "the camera moves away", "zooming out"],
    "the camera orbits": ["camera orbits", "the camera moves around it", "orbiting camera"],
    "": ["static camera", "the camera does not move"],
}

FIELDS = ["shape", "color", "striped", "motion", "second", "shape2", "color2", "side", "floor", "pattern", "sky", "camera",
          "size", "phase", "rate", "x", "z", "x2", "z2", "size2", "turn", "orbit"]
# The attributes that a caption fixes, with the number of values; the second object's count only where there is one.
ATTRIBUTES = {"shape": 3, "color": 8, "striped": 2, "motion": 10, "second": 2, "shape2": 3, "color2": 8, "side": 2, "floor": 5, "pattern": 4, "sky": 4, "camera": 6}


def draw_scene(r: random.Random) -> dict:
    s = {name: r.randrange(count) for name, count in ATTRIBUTES.items()}
    s["striped"] = int(r.random() < 0.3)
    if MOTIONS[s["motion"]] == "spinning" and SHAPES[s["shape"]] != "cube":
        s["striped"] = 1  # a plain ball that spins looks like one that does not
    s["color2"] = (s["color"] + 1 + r.randrange(len(COLORS) - 1)) % len(COLORS)
    sign = 1 if SIDES[s["side"]] == "right" else -1
    s.update(size=r.uniform(0.5, 0.65), phase=r.random(), rate=r.choice([2.0, 2.5, 3.0]), x=r.uniform(-0.4, 0.4), z=r.uniform(-0.2, 0.5),
             x2=sign * r.uniform(1.5, 1.9), z2=r.uniform(-1.2, -0.2), size2=r.uniform(0.40, 0.55), turn=r.uniform(0, math.pi / 2), orbit=r.uniform(-0.2, 0.2))
    return s


def caption(s: dict, r: random.Random | None = None) -> str:
    """The canonical caption of a scene, or with r a paraphrase (which may leave something unsaid)."""

    def say(word: str) -> str:
        return r.choice([word, *OTHER[word]]) if r and word in OTHER and r.random() < 0.6 else word

    def article(words: list) -> str:
        words = [w for w in words if w]
        return ("an " if words[0][0] in "aeiou" else "a ") + " ".join(words)

    color, floor, pattern = COLORS[s["color"]], say(FLOORS[s["floor"]]), say(PATTERNS[s["pattern"]])
    first = article([say("striped") if s["striped"] else "", say(color), say(SHAPES[s["shape"]])])
    motion, sky, camera = say(MOTIONS[s["motion"]]), say(SKIES[s["sky"]]), say(CAMERAS[s["camera"]])
    second = article([say(COLORS[s["color2"]]), say(SHAPES[s["shape2"]])]) if s["second"] else ""
    side = SIDES[s["side"]]
    ground = article([floor, pattern, "floor"])
    if not r:
        words = [first, motion, "on", ground, f"with {second} on the {side}" if second else "", sky]
        return " ".join(w for w in words if w) + (f", {camera}" if camera else "")
    swap = [pattern, floor] if r.random() < 0.3 else [floor, pattern]
    ground = r.choice(["on", "over", "above"] if "up" in motion else ["on"]) + " " + article([*swap, r.choice(["floor", "floor", "ground"])])
    beside = r.choice([f"with {second} on the {side}", f"next to {second} on the {side}", f"and {second} on the {side}", f"with {second} to its {side}"]) if second else ""
    if r.random() < 0.06:
        ground = ""
    if r.random() < 0.06:
        sky = ""
    order = r.randrange(4)
    if order == 0 and sky:
        words = [sky + ",", first, motion, ground, beside]
    elif order == 1 and beside:
        words = [first, motion, beside, ground, sky]
    else:
        words = [first, motion, ground, beside, sky]
    text = " ".join(w for w in words if w)
    return text + (r.choice([", ", ". "]) + camera if camera else "") + ("." if r.random() < 0.3 else "")


def draw(n: int, seed: int, paraphrase: float = 0.5):
    """n captions and n scenes (rows in the order of FIELDS)."""
    r = random.Random(seed)
    captions, rows = [], []
    for _ in range(n):
        s = draw_scene(r)
        captions.append(caption(s, r if r.random() < paraphrase else None))
        rows.append([float(s[name]) for name in FIELDS])
    return captions, rows


def all_words() -> list:
    """Every word a caption can hold, without punctuation, in a fixed order."""
    texts = SHAPES + COLORS + FLOORS + PATTERNS + SKIES + MOTIONS + CAMERAS + SIDES + [w for ws in OTHER.values() for w in ws]
    texts += ["a an on over above with next to and the its floor ground"]
    return sorted({w for t in texts for w in t.split()})
