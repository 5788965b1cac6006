"""Routes about blueprints: what can be built, with which parameters."""

import azure.functions as func

from api.answers import answer, page
from api.reads import Reads
from api.starting import Client
from environments.blueprints import BLUEPRINTS, card_of


async def list_blueprints(req: func.HttpRequest, client: Client, reads: Reads) -> func.HttpResponse:
    """Every kind of environment that can be built."""
    return page([card_of(name) for name in sorted(BLUEPRINTS)], "/api/blueprints", "", {})


async def get_blueprint(req: func.HttpRequest, client: Client, reads: Reads) -> func.HttpResponse:
    """One kind of environment: the JSON Schema of its parameters, and its defaults."""
    return answer(card_of(req.route_params["name"]))


async def get_health(req: func.HttpRequest, client: Client, reads: Reads) -> func.HttpResponse:
    """Whether the control plane is up and its settings are whole."""
    return answer({"status": "ok"})
