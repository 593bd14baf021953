"""Canonical JSON and json_put() held against canonicaljson and Python's json, on generated values.

EXEUNT_CODEC_TOOL names the program (build/tests/tools/codec_tool otherwise). The values come from fixed
seeds; a failure prints the text.
"""

import json
import math
import os
import pathlib
import random
import struct
import subprocess

import pytest
from canonicaljson import encode_canonical_json

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = os.environ.get("EXEUNT_CODEC_TOOL", str(ROOT / "build" / "tests" / "tools" / "codec_tool"))

INTEGER_MAX = 2**53 - 1
EDGES = [0, 1, -1, 9, 10, 2**31, 2**32, INTEGER_MAX, -INTEGER_MAX, INTEGER_MAX - 1]
# Letters of every length in UTF-8, the ends of their ranges, what JSON escapes, and what sorts
# differently by UTF-16 than by code point.
LETTERS = ("abcdeABC01 _.$!@:#/\"\\\b\t\n\f\r\x00\x01\x1f\x7f\x80\u07ff\u0800\u00e9\u65e5\ud7ff"
           "\ue000\uffff\U00010000\U0001f600\U0010ffff")


def run(verb, texts):
    """For each text (bytes): the form as bytes, or the name of the refusal as str."""
    assert all(b"\n" not in text for text in texts)
    done = subprocess.run([TOOL, verb], input=b"\n".join(texts) + b"\n", stdout=subprocess.PIPE,
                          check=True, timeout=60)
    lines = done.stdout.split(b"\n")
    assert lines.pop() == b"" and len(lines) == len(texts)
    return [line[1:] if line[:1] == b"=" else line[1:].decode() for line in lines]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        r = self.random
        return "".join(r.choice(LETTERS) for _ in range(r.choice([0, 1, 1, 2, 3, 7, 8, 9, 30])))

    def integer(self):
        r = self.random
        if r.random() < 0.3:
            return r.choice(EDGES)
        return r.randint(-INTEGER_MAX, INTEGER_MAX) >> r.randrange(53)

    def value(self, depth):
        r = self.random
        kind = r.random()
        if depth == 0 or kind < 0.5:
            return r.choice([self.text, self.text, self.integer, lambda: None, lambda: True,
                             lambda: False])()
        size = r.choice([0, 1, 2, 3, 5, 17, 40]) if depth > 2 else r.choice([0, 1, 2, 3])
        if kind < 0.7:
            return [self.value(depth - 1) for _ in range(size)]
        return {self.text(): self.value(depth - 1) for _ in range(size)}

    def blank(self):
        return self.random.choice(["", "", "", " ", "\t", "\r ", "   "])

    def letter(self, c):
        """One of the ways in which JSON may write a character."""
        r = self.random
        short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n",
                 "\r": "\\r", "\t": "\\t"}
        if c in short and (r.random() < 0.5 or c in '"\\'):
            return short[c]
        if c < " " or r.random() < 0.2:
            units = c.encode("utf-16-be")
            form = r.choice(["\\u%04x", "\\u%04X"])
            return "".join(form % int.from_bytes(units[i:i + 2], "big")
                           for i in range(0, len(units), 2))
        return c

    def write(self, value):
        """The value as JSON with needless blanks, any escapes, members in any order."""
        if isinstance(value, str):
            body = '"' + "".join(map(self.letter, value)) + '"'
        elif isinstance(value, dict):
            members = list(value.items())
            self.random.shuffle(members)
            body = "{" + self.blank() + ",".join(
                self.write(k) + ":" + self.write(v) for k, v in members) + "}"
        elif isinstance(value, list):
            body = "[" + self.blank() + ",".join(map(self.write, value)) + "]"
        elif value == 0 and value is not False and self.random.random() < 0.3:
            body = "-0"
        else:
            body = json.dumps(value)
        return self.blank() + body + self.blank()


def same(a, b):
    """Equal, and of equal types: Python takes True for 1 and 1.0 for 1."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("seed", range(4))
def test_canonical_form(seed):
    generator = Generator(seed)
    values = [generator.value(depth) for depth in (0, 1, 2, 3, 4) for _ in range(500)]
    texts = [generator.write(value).encode() for value in values]
    for text, value, form in zip(texts, values, run("canonical", texts)):
        assert form == encode_canonical_json(value), text


def test_put_keeps_values_and_order():
    generator = Generator("put")
    texts = [generator.write(generator.value(3)).encode() for _ in range(1500)]
    for text, form in zip(texts, run("put", texts)):
        # Python reads -0 as 0, as we do.
        assert same(json.loads(form), json.loads(text)), text


def test_put_keeps_doubles():
    r = random.Random("doubles")
    doubles = [0.1, 1.0, 1e22, 1e23, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308]
    doubles += [math.ldexp(r.random() - 0.5, r.randrange(-1000, 1000)) for _ in range(2000)]
    texts = [json.dumps(d).encode() for d in doubles]
    for text, form, double in zip(texts, run("put", texts), doubles):
        assert same(json.loads(form), double), text
    assert run("canonical", texts) == ["BAD_JSON"] * len(texts)


def doubles_of_every_kind():
    """Every power of two with its neighbours, every power of ten, random bits, random short decimals."""
    r = random.Random("lenient doubles")
    doubles = [0.0, -0.0, 5e-324, 1.7976931348623157e308]
    for exponent in range(-1074, 1024):
        power = math.ldexp(1.0, exponent)
        doubles += [power, math.nextafter(power, 0.0), -math.nextafter(power, math.inf)]
    doubles += [float("%de%d" % (lead, exponent)) for exponent in range(-323, 309) for lead in (1, 9)
                if exponent < 308 or lead == 1]
    doubles += [struct.unpack("<d", r.randbytes(8))[0] for _ in range(5000)]
    doubles += [float("%d.%se%d" % (r.randrange(1000), r.randrange(10**r.randrange(1, 12)), r.randrange(-12, 22)))
                for _ in range(3000)]
    return [d for d in doubles if math.isfinite(d)]


def test_lenient_doubles():
    doubles = doubles_of_every_kind()
    texts = [json.dumps(d).encode() for d in doubles]
    for text, form in zip(texts, run("lenient", texts)):
        assert form == text    # Python's own notation comes back
    # The same numbers, written with needless digits and exponents.
    texts = [("%.17e" % d).replace("e", "E").encode() for d in doubles]
    for double, form in zip(doubles, run("lenient", texts)):
        assert form == encode_canonical_json(double)


def test_lenient_integers():
    r = random.Random("lenient integers")
    integers = [sign * (2**n + d) for n in (0, 31, 53, 63, 64, 65, 1000) for d in (-1, 0, 1) for sign in (1, -1)]
    integers += [r.choice([1, -1]) * r.getrandbits(r.randrange(1, 3000)) for _ in range(1000)]
    texts = [str(integer).encode() for integer in integers]
    assert run("lenient", texts) == texts


@pytest.mark.parametrize("seed", range(2))
def test_lenient_form(seed):
    generator = Generator("lenient%d" % seed)
    texts = []
    for _ in range(1000):
        number = generator.random.choice(["1.0", "1e3", "1E-2", "-0.0", "-0", str(2**64), "9" * 40, "1.50e+30"])
        around = generator.random.choice(['[%s,%s]', '{"b":%s,"a":%s}', '[[%s],{"x":[%s]}]'])
        texts.append((around % (generator.write(generator.value(3)), number)).encode())
    for text, form in zip(texts, run("lenient", texts)):
        assert form == encode_canonical_json(json.loads(text)), text
    strict = [generator.write(generator.value(3)).encode() for _ in range(500)]
    assert run("lenient", strict) == run("canonical", strict)
    for text in ["1e309", "-1e400", '{"a":[1E+9999]}']:
        assert run("lenient", [text.encode()]) == ["BAD_JSON"]


def test_one_bad_number_spoils_the_whole():
    generator = Generator("numbers")
    bad = ["1.0", "1e3", "1E-2", "-0.0", str(INTEGER_MAX + 1), str(-INTEGER_MAX - 1), str(2**64 - 1),
           str(2**64), str(-2**63), "9" * 40]
    texts = []
    for _ in range(500):
        value = generator.value(3)
        number = generator.random.choice(bad)
        around = generator.random.choice(['[%s,%s]', '{"a":%s,"b":%s}', '[[%s],{"x":[%s]}]'])
        texts.append((around % (generator.write(value), number)).encode())
    assert run("canonical", texts) == ["BAD_JSON"] * len(texts)


def test_duplicate_keys_are_refused_wherever_they_stand():
    generator = Generator("twins")
    texts = []
    for _ in range(1000):
        members = {generator.text(): 0 for _ in range(generator.random.choice([1, 2, 15, 16, 17, 60]))}
        keys = list(members) + [generator.random.choice(list(members))]
        generator.random.shuffle(keys)
        twins = "{" + ",".join(generator.write(key) + ":1" for key in keys) + "}"
        texts.append(generator.random.choice(["%s", "[1,%s]", '{"a":{"b":%s}}']).__mod__(twins).encode())
    assert run("canonical", texts) == ["BAD_JSON"] * len(texts)


def test_what_python_refuses_is_refused():
    """Texts with one byte changed: what we take, Python takes too, and reads as the same."""
    generator = Generator("damage")
    texts = []
    for _ in range(3000):
        text = bytearray(generator.write(generator.value(2)).encode())
        at = generator.random.randrange(len(text))
        text[at] = generator.random.choice(b'{}[]",:\\u0019e.-+ \x00\x7f\x80\xc3\xed\xff')
        texts.append(bytes(text))
    taken = 0
    for text, form in zip(texts, run("put", texts)):
        try:
            value = json.loads(text.decode(), parse_constant=lambda name: pytest.fail(name))
            again = json.dumps(value, ensure_ascii=False).encode()  # no lone surrogates
        except (ValueError, UnicodeError):
            assert form == "NOT_JSON", text
            continue
        if form == "BAD_JSON":
            continue    # a key became another's twin, which Python does not mind
        if b"Infinity" in again:
            continue    # 1e999: Python makes it infinite, here it is kept as written
        assert isinstance(form, bytes), text
        assert same(json.loads(form), value), text
        taken += 1
    assert taken > 300
