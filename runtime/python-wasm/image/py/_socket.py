"""The part of the C module _socket that `import socket` and `import asyncio` need. There is no network: making a socket or looking
up a name raises OSError, as on a machine where the system call is missing."""
import errno as _errno

error = OSError
timeout = TimeoutError
has_ipv6 = False


class herror(OSError):
    pass


class gaierror(OSError):
    pass


AF_UNSPEC = 0
AF_INET = 2
AF_INET6 = 10
AF_UNIX = 1
SOCK_STREAM = 1
SOCK_DGRAM = 2
SOCK_RAW = 3
SOL_SOCKET = 1
SOMAXCONN = 128
SO_REUSEADDR = 2
SO_TYPE = 3
SO_ERROR = 4
SO_BROADCAST = 6
SO_KEEPALIVE = 9
SO_REUSEPORT = 15
IPPROTO_IP = 0
IPPROTO_TCP = 6
IPPROTO_UDP = 17
IPPROTO_IPV6 = 41
IPV6_V6ONLY = 26
TCP_NODELAY = 1
SHUT_RD = 0
SHUT_WR = 1
SHUT_RDWR = 2
AI_PASSIVE = 1
AI_CANONNAME = 2
AI_NUMERICHOST = 4
EAI_NONAME = -2
NI_NUMERICHOST = 1
NI_NUMERICSERV = 2
MSG_PEEK = 2
INADDR_ANY = 0
INADDR_LOOPBACK = 0x7F000001


def _absent(*args, **kwargs):
    raise OSError(_errno.ENOSYS, "there is no network in the sandbox")


class socket:
    """A socket that cannot be made."""

    __slots__ = ()

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        _absent()

    def close(self):
        pass

    family = type = proto = -1
    bind = connect = listen = send = sendall = recv = accept = settimeout = setblocking = fileno = detach = _absent


SocketType = socket
socketpair = getaddrinfo = getnameinfo = gethostbyname = gethostbyname_ex = gethostbyaddr = _absent
getservbyname = getservbyport = getprotobyname = sethostname = dup = _absent


def gethostname():
    return "localhost"


def close(fd):
    _absent()


_default_timeout = None


def getdefaulttimeout():
    return _default_timeout


def setdefaulttimeout(value):
    global _default_timeout
    _default_timeout = value


def htons(x):
    return ((x & 0xFF) << 8) | (x >> 8 & 0xFF)


def htonl(x):
    return int.from_bytes(x.to_bytes(4, "little"), "big")


ntohs, ntohl = htons, htonl


def inet_aton(text):
    parts = text.split(".")
    if len(parts) != 4 or not all(p.isdigit() and int(p) < 256 for p in parts):
        raise OSError("illegal IP address string passed to inet_aton")
    return bytes(map(int, parts))


def inet_ntoa(packed):
    if len(packed) != 4:
        raise OSError("packed IP wrong length")
    return ".".join(map(str, packed))


def inet_pton(family, text):
    if family != AF_INET:
        _absent()
    return inet_aton(text)


def inet_ntop(family, packed):
    if family != AF_INET:
        _absent()
    return inet_ntoa(packed)
