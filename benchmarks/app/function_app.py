"""The app for the benchmark of the host: a chain of five activities, and a fan-out."""

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def chain(context):
    """Five activities, one after the other."""
    for number in range(5):
        yield context.call_activity("answer", number)


@app.orchestration_trigger(context_name="context")
def fan_out(context):
    """The given number of activities in parallel."""
    answers = yield context.task_all([context.call_activity("answer", number) for number in range(context.get_input())])
    return len(answers)


@app.activity_trigger(input_name="number")
async def answer(number: int) -> int:
    """Answer at once."""
    return number
