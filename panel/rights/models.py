"""All tables of rights, by noun; each stands in the file of its noun and is imported from here."""

from panel.rights.address_models import AddressChange
from panel.rights.copy_models import Copy, CopyRequest
from panel.rights.end_models import EndStep, Extension, ProjectEnd
from panel.rights.lost_models import AskedLink, GivenAddress
from panel.rights.message_models import Message
from panel.rights.outside_models import OutsideHolding, OutsideItem
from panel.rights.reconsent_models import ReconsentAsk, ReconsentRun
from panel.rights.request_models import Request, RequestNote
from panel.rights.retention_models import RetentionReport
from panel.rights.stop_models import Stop

__all__ = [
    "AddressChange",
    "AskedLink",
    "Copy",
    "CopyRequest",
    "EndStep",
    "Extension",
    "GivenAddress",
    "Message",
    "OutsideHolding",
    "OutsideItem",
    "ProjectEnd",
    "ReconsentAsk",
    "ReconsentRun",
    "Request",
    "RequestNote",
    "RetentionReport",
    "Stop",
]
