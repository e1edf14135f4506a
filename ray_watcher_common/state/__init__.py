"""The state of a Ray cluster: values, and the JSON document in which the exporter serves them at `/state`.

Pure: standard library only. The exporter's sources build a `ClusterState`, the scaler plans on one, and the command
line shows one, so all three share these values.
"""

from ray_watcher_common.state.document import (
    STATE_VERSION,
    StateDocumentError,
    from_document,
    read_document,
    to_document,
)
from ray_watcher_common.state.resources import ResourceBundle, bundle, in_placement_group, placement_groups, shape_text
from ray_watcher_common.state.sound import sound
from ray_watcher_common.state.values import (
    HEAD_RESOURCE,
    ClusterState,
    Demand,
    Gang,
    LabelConstraint,
    Node,
    NodeStatus,
    Strategy,
    merged,
)

__all__ = [
    "HEAD_RESOURCE",
    "STATE_VERSION",
    "ClusterState",
    "Demand",
    "Gang",
    "LabelConstraint",
    "Node",
    "NodeStatus",
    "ResourceBundle",
    "StateDocumentError",
    "Strategy",
    "bundle",
    "from_document",
    "in_placement_group",
    "merged",
    "placement_groups",
    "read_document",
    "shape_text",
    "sound",
    "to_document",
]
