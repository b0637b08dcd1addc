/* From where text stands in an image to where it stands in the app's space. */
#ifndef OPENXR_TEXT_PLACES_H
#define OPENXR_TEXT_PLACES_H

#include "openxr/text_view.h"

/* The corners at a distance of 1 before the camera, whose y is up and which looks along -z.
 * tangent: half the image's width at that distance. */
void text_directions(const struct text_view *view, const struct text_line *line, float tangent,
                     XrVector3f corners[4]);

/* Fills in all but flags that are about tracking. camera: in the app's space. plane: where it was
 * measured to be, as text_depth_plane has it; NULL: it was not. */
void text_place(const struct text_line *line, const XrVector3f directions[4], const float plane[3],
                const XrPosef *camera, XrTextLocationPERCEPT *location);
/* And where that is not known. */
void text_no_place(const struct text_line *line, XrTextLocationPERCEPT *location);

#endif
