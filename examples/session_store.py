"""Sessions of a web service, on asyncio: each ends some time after its last request.

A session is a key that ends by itself (`ttl`); every request puts it again, and so moves its end.
Time is moved by hand here, so that nobody waits for half an hour.
"""

import asyncio
from typing import Any

from chronolite import AsyncChronoMap

HALF_AN_HOUR = 1800.0


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


async def request(sessions: AsyncChronoMap, user: str, path: str) -> None:
    session = await sessions.get_or_set(user, lambda: {"pages": []}, ttl=HALF_AN_HOUR)
    await sessions.put(user, {"pages": [*session["pages"], path]}, ttl=HALF_AN_HOUR)


async def main() -> None:
    clock = Clock()
    sessions = AsyncChronoMap(max_history=100, clock=clock)
    began: list[str] = []

    async def welcome(user: str, old: Any, _new: Any, _ts: float) -> None:
        if old is None:
            await asyncio.sleep(0)  # a mail, perhaps
            began.append(user)

    sessions.on_change(welcome)
    await asyncio.gather(*(request(sessions, user, "/") for user in ("ada", "bob", "eve")))
    print("began:", *began)

    clock.now += 1200
    await request(sessions, "ada", "/cart")
    clock.now += 1200
    print("after 40 minutes there is", *await sessions.keys())
    print("she has seen", (await sessions.get("ada"))["pages"])
    at = clock.now - 2000
    print("a while ago it was", (await sessions.get("ada", timestamp=at))["pages"])

    await request(sessions, "bob", "/login")
    print("bob comes again, to a new session:", (await sessions.get("bob"))["pages"])
    print("began:", *began)

    await sessions.put_many({name: {"pages": ["/"]} for name in ("kim", "lou")}, ttl=60)
    clock.now += 60
    print(await sessions.clean_expired_keys(), "ended;", await sessions.count(), "go on")
    assert await sessions.keys() == ["ada", "bob"]


asyncio.run(main())
