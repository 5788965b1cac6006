"""Errors of the durable management API, in the format of the official host."""

from http import HTTPStatus

from aiohttp import web

SUMMARIES = {
    HTTPStatus.BAD_REQUEST: ("One or more of the arguments submitted is incorrect", "System.ArgumentException"),
    HTTPStatus.CONFLICT: ("Conflict", "System.InvalidOperationException"),
}
OTHERWISE = ("Something went wrong while processing your request", "System.InvalidOperationException")


def problem(status: HTTPStatus, message: str) -> web.Response:
    """An error in the format of the official host."""
    summary, kind = SUMMARIES.get(status, OTHERWISE)
    body = {"Message": summary, "ExceptionMessage": message, "ExceptionType": kind, "StackTrace": ""}
    return web.json_response(body, status=status)
