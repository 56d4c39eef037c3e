"""The routes of /api/v1/, all by token."""

from django.urls import path

from panel.api import views

app_name = "api"
urlpatterns = [
    path("releases/", views.ReleaseList.as_view(), name="releases"),
    path("releases/<uuid:pk>/", views.ReleaseDetail.as_view(), name="release"),
    path("releases/<uuid:pk>/files/<str:name>", views.ReleaseFileView.as_view(), name="release_file"),
]
