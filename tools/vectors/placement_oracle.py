"""Writes vectors/placement/*.json from the algorithms in vectors/placement/README.md.

Standard library only, and no code shared with src/: everything is done the slow and obvious way. Run from the
root of the repository: python3 tools/vectors/placement_oracle.py, with --check to compare instead of writing.
"""

import hashlib
import json
import pathlib
import sys

SLOTS = 16384
PLACES = 2**48


def digest(text):
    return hashlib.sha256(text.encode("ascii")).digest()


def number(octets):
    return int.from_bytes(octets, "big")


def by_id(nodes):
    """Indices into the list, in the order of the IDs."""
    return sorted(range(len(nodes)), key=lambda i: nodes[i]["id"].encode("ascii"))


def distinct(indices, nodes):
    """The indices in the order in which they first come, until every node has come."""
    found = []
    for index in indices:
        if index not in found:
            found.append(index)
        if len(found) == len(nodes):
            break
    return found


def owners(order, nodes, replicas):
    """Chosen one after the other: the first of the order in a zone without an owner; without such a zone the first."""

    def zone(i):
        return nodes[i].get("zone", "")

    chosen = []
    while len(chosen) < min(replicas, len(order)):
        left = [i for i in order if i not in chosen]
        elsewhere = [i for i in left if zone(i) not in [zone(owner) for owner in chosen]]
        chosen.append((elsewhere or left)[0])
    return chosen


# Each placement gives all the nodes that can own the key, in its order of preference.


def table(nodes, key, slots=None):
    if slots is None:
        order = by_id(nodes)
        owner = [order[s % len(nodes)] for s in range(SLOTS)]
    else:
        index = {node["id"]: i for i, node in enumerate(nodes)}
        owner = [None] * SLOTS
        for span in slots:
            for s in range(span["from"], span["to"] + 1):
                owner[s] = index[span["node"]]
    first = number(key) >> (256 - 14)
    return distinct((owner[(first + step) % SLOTS] for step in range(SLOTS)), nodes)


def clockwise(points, nodes, key):
    """Points are (place, index); the nearest going up from the key's place comes first."""
    start = number(key[:6])
    ordered = sorted(points, key=lambda point: (point[0] - start) % PLACES)
    return distinct((index for _, index in ordered), nodes)


def chord(nodes, key):
    points = [(number(digest("ringtls chord " + nodes[i]["id"])[:6]), i) for i in by_id(nodes)]
    return clockwise(points, nodes, key)


RING_POINTS = {}


def ring(nodes, key):
    name = json.dumps(nodes)
    if name not in RING_POINTS:
        RING_POINTS[name] = [
            (number(digest("ringtls ring %s %d" % (nodes[i]["id"], point))[:6]), i)
            for i in by_id(nodes)
            for point in range(160 * nodes[i]["weight"])
        ]
    return clockwise(RING_POINTS[name], nodes, key)


def kademlia(nodes, key):
    def distance(i):
        return number(digest("ringtls kademlia " + nodes[i]["id"])) ^ number(key)

    return sorted(by_id(nodes), key=distance)


def mix(h):
    h ^= h >> 16
    h = h * 0x85EBCA6B % 2**32
    h ^= h >> 13
    h = h * 0xC2B2AE35 % 2**32
    return h ^ (h >> 16)


def rendezvous(nodes, key):
    k0, k1 = number(key[:4]), number(key[4:8])

    def score(i):
        scores = []
        for entry in range(nodes[i]["weight"]):
            seed = digest("ringtls rendezvous %s %d" % (nodes[i]["id"], entry))
            s0, s1 = number(seed[:4]), number(seed[4:8])
            scores.append(mix(mix(k0 ^ s0) ^ k1 ^ s1))
        return max(scores)

    return sorted(by_id(nodes), key=lambda i: -score(i))


def storage_keys():
    edges = ["00" * 32, "ff" * 32, "00" * 31 + "01", "80" + "00" * 31, "7f" + "ff" * 31, "ffffffffffff" + "00" * 26]
    # Keys exactly at a node's place, and just past it.
    for text in ("ringtls chord node-1", "ringtls ring node-1 7"):
        at = number(digest(text)[:6])
        edges += ["%012x" % at + "00" * 26, "%012x" % ((at + 1) % PLACES) + "00" * 26]
    return edges + [digest("ringtls placement key %d" % i).hex() for i in range(54)]


def node_list(count):
    return [{"id": "node-%d" % i, "weight": 1} for i in range(count)]


def cases():
    """Name, nodes, replicas and slots of the cases that every placement has."""
    for count in (1, 3, 16, 100):
        for replicas in (1, 2):
            yield {"name": "%d nodes, R = %d" % (count, replicas), "replicas": replicas, "nodes": node_list(count)}
    yield {"name": "R above the number of nodes", "replicas": 5, "nodes": node_list(3)}
    yield {"name": "the list the other way round", "replicas": 2, "nodes": node_list(16)[::-1]}
    weighted = [{"id": name, "weight": weight} for name, weight in (("big", 4), ("middle", 2), ("small", 1))]
    yield {"name": "weights 4, 2, 1", "replicas": 2, "nodes": weighted}
    for replicas in (1, 2, 3, 5):
        zoned = in_zones(16, ["east", "west", "north"])
        yield {"name": "16 nodes in three zones, R = %d" % replicas, "replicas": replicas, "nodes": zoned}
    alone = [{**node, "zone": "far" if node["id"] == "node-70" else "near"} for node in node_list(100)]
    yield {"name": "one of 100 nodes in another zone, R = 3", "replicas": 3, "nodes": alone}
    nameless = [{"id": "a", "weight": 1}, {"id": "b", "weight": 1, "zone": ""}, {"id": "c", "weight": 1, "zone": "c"}]
    yield {"name": "no zone and a zone without a name are one, R = 2", "replicas": 2, "nodes": nameless}
    weighted = [{**node, "zone": zone} for node, zone in zip(weighted, ("east", "east", "west"))]
    yield {"name": "weights 4, 2, 1, the heavier two in one zone", "replicas": 2, "nodes": weighted}


def in_zones(count, zones):
    return [{**node, "zone": zones[i % len(zones)]} for i, node in enumerate(node_list(count))]


def assigned_cases():
    spans = [(0, 8191, "node-2"), (8192, 8192, "node-0"), (8193, 16000, "node-1"), (16001, 16383, "node-2")]
    slots = [{"from": a, "to": b, "node": node} for a, b, node in spans]
    yield {"name": "slots as an operator assigned them", "replicas": 3, "nodes": node_list(3), "slots": slots}
    zoned = in_zones(5, ["east", "east", "west", "far", "west"])
    yield {"name": "assigned slots and zones", "replicas": 2, "nodes": zoned, "slots": slots}
    yield {"name": "nodes without a slot own nothing", "replicas": 5, "nodes": zoned, "slots": slots}


def main():
    out = pathlib.Path("vectors/placement")
    for place in (table, chord, ring, kademlia, rendezvous):
        written = []
        for case in list(cases()) + (list(assigned_cases()) if place is table else []):
            extra = [case["slots"]] if "slots" in case else []
            orders = [place(case["nodes"], bytes.fromhex(key), *extra) for key in storage_keys()]
            each = [owners(order, case["nodes"], case["replicas"]) for order in orders]
            written.append({**case, "owners": " ".join("-".join(map(str, indices)) for indices in each)})
        text = json.dumps({"placement": place.__name__, "keys": storage_keys(), "cases": written}, indent=1) + "\n"
        file = out / (place.__name__ + ".json")
        if "--check" not in sys.argv:
            file.write_text(text)
        elif file.read_text() != text:
            print("placement %s: differs from %s" % (place.__name__, file))
            return 1
        print("placement %s: %d cases, 0 differences" % (place.__name__, len(written)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
