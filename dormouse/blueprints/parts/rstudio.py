"""The images for which there is a package of RStudio Server."""

import re
from collections.abc import Iterator

from dormouse.blueprints.spec import Image
from dormouse.errors import Fault

# RStudio has a package for each release of Ubuntu; the one for 22.04 also serves 24.04, and there is none for others.
# https://github.com/rstudio/rstudio/issues/15569
RELEASES = re.compile(r"(?<!\d)(22|24)[._-]?04(?!\d)|jammy|noble", re.IGNORECASE)


def rstudio_misfits(image: Image, *, asked: bool) -> Iterator[Fault]:
    """The fault of an image that is not known to be Ubuntu 22.04 or 24.04, if RStudio is asked for.

    A release is known by the offer or SKU, as in `ubuntu-24_04-lts` and `0001-com-ubuntu-server-jammy`. The setup of the
    machine looks again at the release that it finds.
    """
    if asked and not RELEASES.search(f"{image.offer} {image.sku}"):
        advice = "choose the offer ubuntu-24_04-lts or 0001-com-ubuntu-server-jammy, or leave out `rstudio`"
        named = f"{image.publisher} {image.offer} {image.sku}"
        yield Fault("/rstudio", f"RStudio has packages for Ubuntu 22.04 and 24.04 only, and the image is {named}; {advice}")
