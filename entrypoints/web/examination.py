"""The doctor's findings: is this installation able to work, and are the flows? Asked of the vendors at this moment."""

from litestar import Router
from litestar.di import NamedDependency

from domain.access import OPERATOR
from entrypoints.web import answers
from entrypoints.web.access import read
from entrypoints.web.answers import Examination
from entrypoints.web.desk import Desk
from entrypoints.web.parameters import FlowName


@read("/examination", OPERATOR, installation=True, follows=False)
def examine_all(desk: NamedDependency[Desk]) -> Examination:
    """Settings, database, key ring, disk, then each flow's vendors and alert channels. Takes up to a minute.

    Nothing is written at a vendor. The history is not read here: /audit/verify does that.
    """
    return answers.examination(desk.examine(None, installation=True), desk.services.clock())


@read("/flows/{flow:str}/examination", OPERATOR, follows=False)
def examine_flow(flow: FlowName, desk: NamedDependency[Desk]) -> Examination:
    """One flow's vendors and alert channels: credentials, roles, company, marketplaces, bank accounts, clocks."""
    return answers.examination(desk.examine(flow, installation=False), desk.services.clock())


router = Router("/", tags=["examination"], route_handlers=[examine_all, examine_flow])
