# How gdb prints this program's structs, and two commands that go through lists and maps. `make gdb` loads it; by hand:
#
#   gdb -x server/gdb.py build/bellwire CORE
#
#   p *c                                         a slice, buf, list, map or client prints as one line
#   bw-list &u->clients "struct client" user_link      each entry of a list, by the type it is embedded in
#   bw-map &c->people->users "struct user" node        each entry of a map
#
# A core dump is enough: nothing of the program is called.
import gdb

SHOWN = 200  # bytes of a text, entries of a list


def text(pointer, length):
    """The bytes as a literal; what is not ASCII is escaped."""
    length = int(length)
    if length == 0:
        return '""'
    try:
        data = gdb.selected_inferior().read_memory(int(pointer), min(length, SHOWN)).tobytes()
    except gdb.error:
        return "<%d bytes at %#x that are not there>" % (length, int(pointer))
    shown = "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else "\\x%02x" % b for b in data)
    return '"%s"%s' % (shown, "..." if length > SHOWN else "")


class SlicePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "%d %s" % (int(self.value["n"]), text(self.value["p"], self.value["n"]))


class BufPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        v = self.value
        return "%d of %d %s" % (int(v["n"]), int(v["cap"]), text(v["p"], v["n"]))


def nodes(head):
    """The nodes behind a head, by address. A ring that does not come round ends with None."""
    start, node, seen = int(head.address), head["next"], set()
    while int(node) not in (0, start):
        if int(node) in seen:
            yield None
            return
        seen.add(int(node))
        yield node
        node = node.dereference()["next"]
    if int(node) == 0:
        yield None


class ListPrinter:
    """A head and a node look alike: what is counted are the others in the ring."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        if int(self.value["next"]) == 0:
            return "zeroed: never list_init"
        count, broken = 0, ""
        for node in nodes(self.value):
            if node is None:
                broken = ", broken"
            else:
                count += 1
        return "%s%s" % ("in no list" if count == 0 else "%d others" % count, broken)


def map_nodes(m):
    for i in range(int(m["nslots"])):
        node = m["slots"][i]
        while int(node):
            yield node
            node = node.dereference()["next"]


class MapPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "%d in %d slots" % (int(self.value["count"]), int(self.value["nslots"]))


class ClientPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        v, parts = self.value, [str(self.value["state"])]
        for name, struct in (("socket", "sio"), ("user", "user")):
            if int(v[struct]):
                id = v[struct].dereference()["id"]
                parts.append("%s=%s" % (name, text(id.address, id.type.sizeof).strip('"')))
        parts += [f.name for f in v.type.fields() if f.bitsize == 1 and int(v[f.name])]
        return " ".join(parts)


PRINTERS = {"slice": SlicePrinter, "buf": BufPrinter, "list": ListPrinter, "map": MapPrinter, "client": ClientPrinter}


def printer(value):
    type = value.type.strip_typedefs()
    return PRINTERS[type.tag](value) if type.code == gdb.TYPE_CODE_STRUCT and type.tag in PRINTERS else None


gdb.pretty_printers.append(printer)


def entry(node, type, member):
    """container_of."""
    offset = next(f.bitpos // 8 for f in type.fields() if f.name == member)
    return gdb.Value(int(node) - offset).cast(type.pointer()).dereference()


class Each(gdb.Command):
    """NAME HEAD "struct TYPE" MEMBER: prints each entry of a list or a map."""

    def __init__(self, name, walk):
        super().__init__(name, gdb.COMMAND_DATA)
        self.walk = walk

    def invoke(self, argument, from_tty):
        head, type, member = gdb.string_to_argv(argument)
        head = gdb.parse_and_eval(head)
        if head.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            head = head.dereference()
        type = gdb.lookup_type(type)
        for i, node in enumerate(self.walk(head)):
            if node is None:
                print("the ring does not come round")
            elif i == SHOWN:
                print("and more")
                break
            else:
                value = entry(node, type, member)
                print("%#x  %s" % (int(value.address), value.format_string(max_depth=1)))


Each("bw-list", nodes)
Each("bw-map", map_nodes)
