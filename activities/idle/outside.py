"""Questions to activity services: a call for a thousand machines. Whatever goes wrong means that nothing is known of them.

Services are outside Azure: only over https, at public addresses (or hosts in NOTIFY_PRIVATE_HOSTS), and without redirects.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dormouse.access.signatures import hub_signature
from dormouse.cloud.clients import Cloud
from dormouse.cloud.egress import NoNameError
from dormouse.idle.outside.answers import ServiceAnswer, answers_in, question_of, unanswered
from dormouse.idle.outside.services import ActivityService, service_for
from dormouse.idle.targets import SleepTarget
from dormouse.lifecycle import State
from dormouse.text.log_events import log_event

if TYPE_CHECKING:
    from aiohttp import ClientResponse

log = logging.getLogger(__name__)

MOST_PER_CALL = 1000
TIMEOUT_SECONDS = 5.0  # of a whole call; the page of a sweep waits for it
LARGEST_ANSWER = 2 * 2**20  # bytes: 2,000 for each machine
OK = 200


class NoAnswerError(Exception):
    """A service gave no usable answer; the message completes a sentence about it."""


async def ask_activity(
    targets: Iterable[SleepTarget], cloud: Cloud, *, within: float = TIMEOUT_SECONDS
) -> dict[str, ServiceAnswer]:
    """What activity services say of running sleep targets, by ID in lower case; without those that none is asked about."""
    return await ask_about([target.id for target in targets if target.state is State.RUNNING], cloud, within=within)


async def ask_about(
    identifiers: Iterable[str], cloud: Cloud, *, within: float = TIMEOUT_SECONDS
) -> dict[str, ServiceAnswer]:
    """What activity services say of sleep targets, whether they run or not, by ID in lower case."""
    asked: dict[ActivityService, list[str]] = {}
    for identifier in identifiers:
        service = service_for(cloud.settings.activity_url, identifier)
        if service is not None:
            asked.setdefault(service, []).append(identifier)
    calls = [
        _answers(service, machines[begin : begin + MOST_PER_CALL], cloud, within)
        for service, machines in asked.items()
        for begin in range(0, len(machines), MOST_PER_CALL)
    ]
    found: dict[str, ServiceAnswer] = {}
    for answers in await asyncio.gather(*calls):
        found |= answers
    return found


async def _answers(
    service: ActivityService, machines: Sequence[str], cloud: Cloud, within: float
) -> dict[str, ServiceAnswer]:
    """What a service says of at most a thousand machines, in one call."""
    question, now = secrets.token_hex(16), cloud.now()
    longest = cloud.settings.longest_activity.total_seconds()
    try:
        content = await _post(service, question_of(question, machines, now), cloud, within)
        return answers_in(content, question, machines, service.name, cloud.now(), longest)
    except NoAnswerError as error:
        why = str(error)
    except ValueError as error:
        why = f"gave an answer that cannot be read ({error})"
    log.warning("%s", log_event("activity service failed", service=service.name, problem=why, machines=len(machines)))
    return unanswered(machines, service.name, why)


async def _post(service: ActivityService, body: bytes, cloud: Cloud, within: float) -> bytes:
    """The answer to a signed question, as bytes; raises NoAnswerError, which never contains the URL."""
    import aiohttp

    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "X-Hub-Signature-256": hub_signature(cloud.settings.activity_url_secret, body),
    }
    limit = aiohttp.ClientTimeout(total=within)
    try:
        async with cloud.outside.post(
            service.url, data=body, headers=headers, allow_redirects=False, timeout=limit
        ) as response:
            if response.status != OK:
                raise NoAnswerError(f"answered HTTP {response.status}")
            return await _limited(response)
    except NoNameError as error:
        raise NoAnswerError(f"was not asked: {error}") from None
    except TimeoutError:
        raise NoAnswerError(f"did not answer within {within:g} seconds") from None
    except (aiohttp.ClientError, OSError) as error:
        raise NoAnswerError(f"cannot be reached ({type(error).__name__})") from None


async def _limited(response: "ClientResponse") -> bytes:
    """The content of a response; raises NoAnswerError if it is too large."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(2**16):
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise NoAnswerError(f"gave an answer of more than {LARGEST_ANSWER:,} bytes")
    return bytes(content)
